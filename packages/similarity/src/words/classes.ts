import { wordSet } from "./lists.ts";

/** What an answer may be given as, and how long it may be. */
export const FORMATS: ReadonlySet<string> = wordSet(`
  json xml yaml toml csv tsv html markdown latex pdf docx plaintext ascii svg base64 sql regex pseudocode
  table bullet bullets list outline diagram flowchart chart graph spreadsheet slide slides presentation
  poem haiku sonnet limerick rhyme verse stanza song rap lyrics ballad essay story novel fable joke riddle letter email tweet
  blog script dialogue monologue speech paragraph paragraphs sentence sentences headline slogan memo report review
  short long brief detailed concise verbose detail length longer shorter formal informal casual
  prose headings emoji code
`);

/** Natural languages and programming languages. */
export const LANGUAGES: ReadonlySet<string> = wordSet(`
  english spanish french german italian portuguese dutch swedish norwegian danish finnish icelandic polish czech slovak
  hungarian romanian bulgarian greek turkish russian ukrainian belarusian serbian croatian bosnian slovenian albanian macedonian
  estonian latvian lithuanian irish gaelic welsh scottish basque catalan galician latin esperanto yiddish hebrew arabic persian farsi
  kurdish pashto urdu hindi bengali punjabi gujarati marathi tamil telugu kannada malayalam sinhala nepali burmese thai lao khmer
  vietnamese indonesian malay javanese tagalog filipino chinese mandarin cantonese japanese korean mongolian tibetan kazakh uzbek
  azerbaijani armenian georgian swahili amharic somali hausa yoruba igbo zulu xhosa afrikaans maori hawaiian samoan sanskrit brazilian
  javascript typescript python java c++ c# f# rust ruby perl php kotlin swift scala haskell elixir erlang clojure lisp scheme ocaml
  fortran cobol pascal delphi ada matlab octave julia lua dart groovy bash zsh powershell fish assembly prolog zig nim crystal
  objective-c golang solidity vba coffeescript webassembly wasm
  react angular vue svelte django flask rails laravel spring nodejs deno bun jquery nextjs express fastapi
  mysql postgresql postgres sqlite oracle mongodb redis mariadb cassandra
`);

/** Every spelling of a unit, and its one name. */
export const UNITS: ReadonlyMap<string, string> = new Map(
  `kilometer km kms kilometers kilometre kilometres
   meter meters metre metres
   centimeter cm centimeters centimetre centimetres
   millimeter mm millimeters millimetre millimetres
   mile miles mi
   yard yards yd
   foot feet ft
   inch inches
   nanometer nm nanometers
   acre acres
   hectare hectares ha
   kilogram kg kgs kilo kilos kilograms kilogramme
   gram g grams gramme grams gm
   milligram mg milligrams
   microgram mcg micrograms
   tonne tonnes ton tons
   pound pounds lb lbs
   ounce ounces oz
   stone stones
   liter liters litre litres
   milliliter ml milliliters millilitre millilitres
   gallon gallons gal
   quart quarts
   pint pints
   cup cups
   tablespoon tbsp tablespoons
   teaspoon tsp teaspoons
   second seconds sec secs
   millisecond ms milliseconds
   microsecond microseconds
   nanosecond nanoseconds ns
   minute minutes min mins
   hour hours hr hrs
   day days
   week weeks
   fortnight fortnights
   month months
   year years yr yrs
   decade decades
   century centuries
   millennium millennia
   byte bytes
   kilobyte kb kilobytes
   megabyte mb megabytes
   gigabyte gb gigabytes
   terabyte tb terabytes
   petabyte pb petabytes
   bit bits
   megabit mbit mbps megabits
   gigabit gbit gbps gigabits
   hertz hz
   megahertz mhz
   gigahertz ghz
   watt watts
   kilowatt kw kilowatts
   kwh kilowatthour
   volt volts
   ampere amp amps amperes
   ohm ohms
   joule joules
   calorie calories kcal cal
   newton newtons
   pascal pascals
   psi
   mph
   kph kmh
   knot knots
   celsius centigrade °c
   fahrenheit °f
   kelvin kelvins
   degree degrees °
   radian radians
   percent percentage % pct
   dollar dollars $ usd bucks buck
   euro euros € eur
   sterling £ gbp quid
   yen ¥ jpy
   yuan rmb cny renminbi
   rupee rupees ₹ inr
   ruble rubles ₽ rub rouble roubles
   won ₩ krw
   franc francs chf
   peso pesos mxn
   cent cents
   penny pence pennies
   bitcoin btc ₿
   lightyear lightyears
   word words
   page pages
   line lines
   mole moles mol
   decibel decibels db
   pixel pixels px
   character characters chars char
   token tokens`
    .split("\n")
    .flatMap((line) => {
      const [name = "", ...spellings] = line.trim().split(/\s+/u);
      return [name, ...spellings].map((spelling): [string, string] => [spelling, name]);
    }),
);
