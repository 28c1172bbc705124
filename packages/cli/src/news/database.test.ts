import { expect, test } from "vitest";
import { defaultPath } from "./database.ts";

test("the memory is in the data directory of the user, as each system has it", () => {
  expect(defaultPath({ HOME: "/home/ada" }, "linux")).toBe("/home/ada/.local/share/rondo/news.db");
  expect(defaultPath({ HOME: "/home/ada", XDG_DATA_HOME: "/data" }, "linux")).toBe("/data/rondo/news.db");
  expect(defaultPath({ HOME: "/home/ada", XDG_DATA_HOME: "data" }, "freebsd")).toBe(
    "/home/ada/.local/share/rondo/news.db",
  );
  expect(defaultPath({ HOME: "/home/ada", XDG_DATA_HOME: "" }, "linux")).toBe("/home/ada/.local/share/rondo/news.db");
  expect(defaultPath({ HOME: "/Users/ada", XDG_DATA_HOME: "/data" }, "darwin")).toBe(
    "/Users/ada/Library/Application Support/rondo/news.db",
  );
  expect(defaultPath({ LOCALAPPDATA: "C:\\Users\\ada\\AppData\\Local" }, "win32")).toBe(
    "C:\\Users\\ada\\AppData\\Local\\rondo\\news.db",
  );
});

test("without variables the home directory is the one the system knows", () => {
  expect(defaultPath({}, "linux")).toMatch(/\/\.local\/share\/rondo\/news\.db$/);
  expect(defaultPath({}, "win32")).toMatch(/\\AppData\\Local\\rondo\\news\.db$/);
});
