"""The news job with asyncio and aiohttp: downloads, parses and counts pages, and prints what it cost.

    python3 news.py PORT PAGES CONCURRENCY [TERM ...]

Prints one JSON document: the processor time in ns and the words counted. Exit status 3: aiohttp is not installed.
"""

import asyncio
import json
import re
import resource
import sys
from collections import Counter

try:
    import aiohttp
except ImportError:
    sys.exit(3)

try:
    from lxml import etree, html as lxml_html
except ImportError:
    lxml_html = None

UNSEEN = ("script", "style", "noscript", "template", "svg", "iframe", "object", "canvas")
WORD = re.compile(r"[^\W_]+(?:['’.,][^\W_]+)*")


def text_with_lxml(body):
    tree = lxml_html.fromstring(body)
    etree.strip_elements(tree, *UNSEEN, etree.Comment, with_tail=False)
    return " ".join(tree.itertext())


def text_with_parser(body):
    from html.parser import HTMLParser

    class Reader(HTMLParser):
        def __init__(self):
            super().__init__()
            self.pieces = []
            self.unseen = 0

        def handle_starttag(self, tag, attrs):
            self.unseen += tag in UNSEEN

        def handle_endtag(self, tag):
            self.unseen = max(0, self.unseen - (tag in UNSEEN))

        def handle_data(self, data):
            if not self.unseen:
                self.pieces.append(data)

    reader = Reader()
    reader.feed(body.decode("utf-8", "replace"))
    return " ".join(reader.pieces)


async def main(port, pages, concurrency, terms):
    text_of = text_with_lxml if lxml_html is not None else text_with_parser
    counts = Counter()
    mentions = Counter()
    words = 0
    numbers = iter(range(pages))

    async def worker(session):
        nonlocal words
        for number in numbers:
            async with session.get(f"http://127.0.0.1:{port}/{number % 258}?{number}") as response:
                body = await response.read()
            text = text_of(body).lower()
            found = WORD.findall(text)
            words += len(found)
            counts.update(found)
            for term in terms:
                mentions[term] += text.count(term)

    timeout = aiohttp.ClientTimeout(total=15)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
        await asyncio.gather(*(worker(session) for _ in range(concurrency)))
    counts.most_common(10)
    return words


def cost():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return round((used.ru_utime + used.ru_stime) * 1e9)


if __name__ == "__main__":
    begun = cost()
    total = asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]))
    print(json.dumps({"cost": cost() - begun, "words": total}))
