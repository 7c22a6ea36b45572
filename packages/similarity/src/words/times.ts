/** Every spelling of a month, a weekday, a part of the day or of the year, and its one name. */
export const CALENDAR: ReadonlyMap<string, string> = new Map(
  `january jan
   february feb
   march
   april apr
   may
   june jun
   july jul
   august aug
   september sep sept
   october oct
   november nov
   december dec
   monday mon mondays
   tuesday tue tues tuesdays
   wednesday wed wednesdays
   thursday thu thurs thursdays
   friday fri fridays
   saturday saturdays
   sunday sundays
   weekend weekends
   weekday weekdays
   morning mornings am a.m
   noon midday
   afternoon afternoons
   evening evenings
   night nights
   midnight
   pm p.m
   tonight
   tomorrow
   yesterday
   spring springtime
   summer summers summertime
   autumn
   winter winters wintertime
   christmas xmas
   easter
   halloween
   thanksgiving
   ramadan
   bc bce
   ad ce
   utc gmt
   est edt
   pst pdt
   cet cest`
    .split("\n")
    .flatMap((line) => {
      const [name = "", ...spellings] = line.trim().split(/\s+/u);
      return [name, ...spellings].map((spelling): [string, string] => [spelling, name]);
    }),
);

/** Names that are ordinary words too: a date only beside a number or after one of `in`, `on`, `by`, `since`, `until`, `last`, `next`. */
export const ORDINARY_NAMES: ReadonlySet<string> = new Set([
  "may",
  "march",
  "sep",
  "mon",
  "am",
  "ad",
  "jun",
  "est",
  "ce",
]);

/** Where in time, as against now. */
export const TIME_SIDES: ReadonlyMap<string, string> = new Map([
  ...[
    "previous",
    "former",
    "formerly",
    "previously",
    "ago",
    "past",
    "ex",
    "last",
    "preceding",
    "recently",
    "recent",
  ].map((word): [string, string] => [word, "past"]),
  ...["next", "upcoming", "future", "coming", "following", "soon"].map((word): [string, string] => [word, "future"]),
  ...["current", "currently", "now", "today", "present", "presently", "nowadays", "todays"].map(
    (word): [string, string] => [word, "present"],
  ),
]);
