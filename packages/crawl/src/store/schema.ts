// The tables, and how a file of an older version becomes one of this version.
//
//     runs --< fetches >-- sources --< sightings >-- articles --- texts
//                                                     |    \----- bags (the article's words) ... words
//                                                     ^--- addresses
//
// A migration is a step from one version to the next, and its number is its place in the list. Each runs in a
// transaction of its own together with the new number, so a process killed in the middle leaves the version before.
// A step that has been released is never changed: a new one is put behind it.

import type { Database } from "./database.ts";

/** What a step does. It must not begin or end a transaction. */
export type Migration = (database: Database) => void;

/** "Rndo": what tells our files from other programs' databases. */
export const APPLICATION = 0x526e646f;

const FIRST = `
CREATE TABLE sources (
  id INTEGER PRIMARY KEY,
  url TEXT NOT NULL UNIQUE,
  name TEXT,
  subscribed INTEGER UNIQUE,             -- its place on the list; NULL: not on it
  due INTEGER NOT NULL DEFAULT 0,
  etag TEXT,                             -- both verbatim
  last_modified TEXT,
  hints TEXT,                            -- JSON
  last_attempt INTEGER,
  last_success INTEGER,
  fetches INTEGER NOT NULL DEFAULT 0,
  failed INTEGER NOT NULL DEFAULT 0,
  failures INTEGER NOT NULL DEFAULT 0,   -- in a row, up to now
  bodies INTEGER NOT NULL DEFAULT 0,
  bytes INTEGER NOT NULL DEFAULT 0,      -- of all bodies
  articles INTEGER NOT NULL DEFAULT 0,   -- ever seen at it
  failure TEXT,                          -- JSON
  kind TEXT,                             -- of the last document that was read, as all that follows
  title TEXT,
  language TEXT,
  charset TEXT,
  notes TEXT,                            -- JSON
  held TEXT                              -- JSON: its articles' ids, in order
) STRICT;

CREATE TABLE runs (
  id INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  ended INTEGER
) STRICT;

-- Those of the last 90 days; what they came to in all is counted in their sources.
CREATE TABLE fetches (
  id INTEGER PRIMARY KEY,
  run INTEGER NOT NULL REFERENCES runs,
  source INTEGER NOT NULL REFERENCES sources,
  at INTEGER NOT NULL,
  state TEXT NOT NULL,
  status INTEGER,
  bytes INTEGER NOT NULL,
  tries INTEGER NOT NULL,
  begun REAL NOT NULL,
  asked REAL NOT NULL,
  connected REAL,
  answered REAL,
  downloaded REAL,
  ended REAL NOT NULL,
  failure TEXT                           -- JSON
) STRICT;
CREATE INDEX fetches_by_run ON fetches (run);

CREATE TABLE articles (
  id INTEGER PRIMARY KEY,
  url TEXT,                              -- as it was first given
  guid TEXT,
  title TEXT,
  language TEXT,
  published INTEGER,                     -- NULL: not said, or not to be believed
  first_seen INTEGER NOT NULL,
  time INTEGER NOT NULL,                 -- published, or else first seen: it lies on the day that the article counts for
  words INTEGER NOT NULL,
  look INTEGER NOT NULL,                 -- where terms are found: see articles.ts
  whole INTEGER NOT NULL,                -- 1: the text is of the article's page, 0: of a feed
  source INTEGER REFERENCES sources,     -- which gave the text; NULL: the article's page
  content BLOB NOT NULL,                 -- hash of title and text
  telling INTEGER NOT NULL,              -- 1: long enough that the same content is the same article
  followed INTEGER,                      -- when its page was asked for
  failure TEXT                           -- JSON: what came of that, if nothing good
) STRICT;
CREATE INDEX articles_by_time ON articles (time, words, look);
CREATE INDEX articles_of_many_words ON articles (time) WHERE look = 2;
CREATE INDEX articles_by_content ON articles (content) WHERE telling = 1;

-- Apart from the articles, so that a walk over these does not read pages and pages of text.
CREATE TABLE texts (
  article INTEGER PRIMARY KEY REFERENCES articles,
  text ANY NOT NULL                      -- TEXT as it is, BLOB deflated
) STRICT;

CREATE TABLE addresses (
  address TEXT PRIMARY KEY,              -- canonical
  article INTEGER NOT NULL REFERENCES articles,
  shared INTEGER NOT NULL DEFAULT 0      -- 1: several articles have it, so it says nothing
) STRICT, WITHOUT ROWID;

CREATE TABLE sightings (
  article INTEGER NOT NULL REFERENCES articles,
  source INTEGER NOT NULL REFERENCES sources,
  guid TEXT,
  first_seen INTEGER NOT NULL,
  PRIMARY KEY (article, source)
) STRICT, WITHOUT ROWID;
CREATE INDEX sightings_by_source ON sightings (source, guid);

CREATE TABLE words (
  id INTEGER PRIMARY KEY,
  word TEXT NOT NULL UNIQUE
) STRICT;

-- The words of an article in one row (see bag.ts), beside those of the same day.
CREATE TABLE bags (
  day INTEGER NOT NULL,                  -- since 1970
  article INTEGER NOT NULL REFERENCES articles,
  words BLOB NOT NULL,
  PRIMARY KEY (day, article)
) STRICT, WITHOUT ROWID;
`;

const MIGRATIONS: readonly Migration[] = [(database) => database.exec(FIRST)];

/** The version of the schema that this program writes. */
export const VERSION: number = MIGRATIONS.length;

/** Brings a database to the newest version. Two processes may do it at once: the second finds it done. */
export function migrate(database: Database, migrations: readonly Migration[] = MIGRATIONS): void {
  while (database.number("user_version") < migrations.length) {
    database.transaction(() => {
      const version = database.number("user_version");
      const step = migrations[version];
      if (step === undefined) return;
      step(database);
      database.exec(`PRAGMA application_id = ${APPLICATION}; PRAGMA user_version = ${version + 1}`);
    });
  }
}
