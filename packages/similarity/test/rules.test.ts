import { describe, expect, test } from "vitest";
import { Guard } from "../src/guard.ts";

const guard = new Guard();

/** Each rule with pairs that it refuses: asked, stored. */
const REFUSED: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  number: [
    ["What is the cube of 12?", "What is the cube of 13?"],
    ["Write a 200-word text", "Write a 2000-word text"],
    ["It costs 1,000 dollars", "It costs 10,000 dollars"],
    ["Top five rivers", "Top ten rivers"],
    ["two hundred and five steps", "two hundred and fifty steps"],
    ["two million people", "two billion people"],
    ["Features of Python 3.10", "Features of Python 3.1"],
    ["Why is 1.2.3 slow?", "Why is 1.3.2 slow?"],
    ["Summary of chapter IV", "Summary of chapter VI"],
    ["The reign of Henry V", "The reign of Henry IV"],
    ["the third planet", "the three planets"],
    ["the twenty-first day", "the twenty-second day"],
    ["Subtract 5 from 12.", "Subtract 12 from 5."],
    ["Is 5 > 12?", "Is 12 > 5?"],
    ["2 adults and 3 kids", "2 kids and 3 adults"],
    ["What is 10²?", "What is 10 2?"],
    ["2 adults and 3 kids", "3 adults and 2 kids"],
    ["Who won the cup in 2010?", "Who won the cup?"],
    ["one page on bees", "2 pages on bees"],
    ["-5 degrees outside", "5 degrees outside"],
    ["½ cup of milk", "¼ cup of milk"],
    ["What is 10²?", "What is 102?"],
    ["ما معنى ٣ هنا", "ما معنى ٤ هنا"],
    ["5k steps a day", "5 steps a day"],
    ["Is 1/2 enough?", "Is 1/3 enough?"],
  ],
  date: [
    ["Weather in Rome in May", "Weather in Rome in June"],
    ["Is the shop open on Monday?", "Is the shop open on Sunday?"],
    ["meet at 5 am", "meet at 5 pm"],
    ["Is it cold in winter?", "Is it cold in summer?"],
    ["Events in Rome today", "Events in Rome tomorrow"],
    ["news of the upcoming vote", "news of the vote"],
    ["my previous employer", "my employer"],
  ],
  quotation: [
    ["Translate 'hello'", "Translate 'howdy'"],
    ['What is "irony"?', 'What is "sarcasm"?'],
    ["Explain `foo(1)`", "Explain `foo(2)`"],
    ["Fix ```\nif a:\n  b\n```", "Fix ```\nif a:\nb\n```"],
    ['From "left" to "right"', 'From "right" to "left"'],
    ["Translate «oui»", "Translate «non»"],
  ],
  link: [
    ["Summarize https://example.com/a please", "Summarize https://example.com/b please"],
    ["Write to ann@example.com", "Write to bob@example.com"],
    ["What is in ./src/a.ts", "What is in ./src/b.ts"],
  ],
  symbol: [
    ["Is a < b?", "Is a > b?"],
    ["What does 👍 mean?", "What does 👎 mean?"],
    ["x + y", "x * y"],
  ],
  script: [["What is pi?", "What is π?"]],
  negation: [
    ["Which mammals lay eggs?", "Which mammals don't lay eggs?"],
    ["Why should I learn Rust?", "Why shouldn't I learn Rust?"],
    ["Recipes with dairy", "Recipes without dairy"],
    ["Which mammals lay eggs?", "Which mammals never lay eggs?"],
    ["Countries including France", "Countries except France"],
    ["Who attended?", "Who wasn't attending?"],
    ["Is this not dangerous?", "Is this dangerous?"],
    ["I can swim but not dive", "I can dive but not swim"],
    ["the children who have eaten", "the children who have not eaten"],
    ["Ich mag Hunde sehr", "Ich mag keine Hunde sehr"],
    ["他喜欢猫吗", "他不喜欢猫吗"],
    ["Which are cheap and include meals?", "Which are cheap and cannot include meals?"],
  ],
  antonym: [
    ["How do I enable dark mode?", "How do I disable dark mode?"],
    ["the largest lake", "the smallest lake"],
    ["Is it legal to camp here?", "Is it illegal to camp here?"],
    ["uploading a file", "downloading a file"],
    ["the pros of nuclear power", "the cons of nuclear power"],
    ["Turn on the lamp", "Turn off the lamp"],
    ["Is that user connected?", "Is that user disconnected?"],
    ["Was it careful?", "Was it careless?"],
    ["How can I become more patient?", "How can I become less patient?"],
    ["send money to Ann", "send money from Ann"],
  ],
  language: [
    ["Write a greeting in Spanish", "Write a greeting in Portuguese"],
    ["Sort a list in Python", "Sort a list in Java"],
    ["Sort a list in C++", "Sort a list in C#"],
    ["hello world in Go", "hello world in Rust"],
  ],
  format: [
    ["Show the plan as JSON", "Show the plan as YAML"],
    ["Write a poem about rain", "Write an essay about rain"],
    ["Explain rain", "Explain rain in one paragraph"],
  ],
  unit: [
    ["Give the price in dollars", "Give the price in yen"],
    ["What is 100 C in F?", "What is 100 C in K?"],
    ["How tall is Everest in meters?", "How tall is Everest?"],
    ["How much is $500?", "How much is €500?"],
  ],
  question: [
    ["Who invented the telephone?", "When was the telephone invented?"],
    ["Why is rent so high?", "Where is rent so high?"],
    ["How many moons has Mars?", "How old are the moons Mars has?"],
    ["Is the shop closed?", "Why is the shop closed?"],
  ],
  modal: [["Should I eat before surgery?", "Can I eat before surgery?"]],
  aspect: [
    ["Is Kim a historian?", "Was Kim a historian?"],
    ["Is Kim a historian?", "Did Kim use to be a historian?"],
    ["Is Pluto a planet?", "Is Pluto still a planet?"],
    ["Is Kim becoming a historian?", "Is Kim a historian?"],
    ["What does milk cost?", "What will milk cost?"],
  ],
  pronoun: [
    ["Why did he leave her?", "Why did she leave him?"],
    ["What is my name?", "What is your name?"],
    ["How old am I?", "How old are you?"],
    ["Advice for his cat", "Advice for my cat"],
  ],
  quantifier: [
    ["Can admins edit?", "Can only admins edit?"],
    ["Do most birds fly?", "Do birds fly?"],
    ["Does she often travel?", "Does she travel?"],
  ],
  entity: [
    ["Who is the CEO of Apple?", "Who is the CEO of Google?"],
    ["Tests for the UserService class", "Tests for the OrderService class"],
    ["What is the H2O formula?", "What is the H2O2 formula?"],
    ["What is in Iran?", "What is in Iraq?"],
    ["Did Jane Austen marry?", "Did Karl Marx marry?"],
    ["How do I parse a file?", "How do I parse a file with NumPy?"],
  ],
  particle: [
    ["Can I pay with points?", "Can I pay for points?"],
    ["the day before the war", "the day of the war"],
  ],
  order: [
    ["Is Paris larger than Berlin?", "Is Berlin larger than Paris?"],
    ["Flight from Oslo to Rome", "Flight from Rome to Oslo"],
    ["Is a square always a rectangle?", "Is a rectangle always a square?"],
    ["dog bites man", "man bites dog"],
    ["rename a to b", "rename b to a"],
    ["A is to B as C is to D", "A is to B as D is to C"],
    ["Merge the feature branch into main", "Merge main into the feature branch"],
    ["Did France beat England in the final?", "Did England beat France in the final?"],
    ["Is chocolate milk cheap here?", "Is milk chocolate cheap here?"],
    ["How do I apologise to my wife?", "How does my wife apologise to me?"],
    ["Can Lisbon replace New York?", "Can New York replace Lisbon?"],
    ["Does Apache Kafka beat Slack today?", "Does Slack beat Apache Kafka today?"],
    ["Can San Marino annex New York?", "Can New York annex San Marino?"],
  ],
  voice: [
    ["Did Marie hire Tom?", "Was Marie hired by Tom?"],
    ["Who killed the father of Hamlet?", "Who did the father of Hamlet kill?"],
  ],
  bare: [
    ["What is that for?", "For what is that?"],
    ["What does it do?", "What does it say?"],
  ],
  swap: [
    ["What should I feed my cat?", "What should I feed my dog?"],
    ["who is the ceo of initech", "who is the ceo of globex"],
    ["a red car", "a red cat"],
    ["Was ist die hauptstadt von spanien", "Was ist die hauptstadt von belgien"],
    ["法国的首都", "德国的首都"],
    ["How do I make bread?", "How do I get bread?"],
    ["the contract is due", "the contact is due"],
    ["How do you say thanks in German?", "How do you say sorry in German?"],
    ["How do I describe pain to him?", "How do I explain pain to him?"],
    ["an email to my assistant", "an email to my friend"],
  ],
  addition: [
    ["Can I bring my dog?", "Can I bring my guide dog?"],
    ["What does a lamp cost?", "What does a wooden lamp cost?"],
    ["法国的首都", "法国的旧首都"],
  ],
};

describe.each(Object.entries(REFUSED))("%s", (rule, pairs) => {
  test.each(pairs)("%s | %s", (asked, stored) => {
    expect(guard.refusal(asked, stored)?.rule).toBe(rule);
    expect(guard.refusal(stored, asked)?.rule).toBe(rule);
  });
});

/** The same question, by the rule that has to let it pass. */
const SERVED: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  number: [
    ["List 3 fruits", "List three fruits"],
    ["How much is 1,000 USD?", "How much is 1000 usd?"],
    ["World War II causes", "World War 2 causes"],
    ["two million people", "2,000,000 people"],
    ["1.5 million people", "1500000 people"],
    ["a hundred and five people", "105 people"],
    ["10k people", "10000 people"],
    ["What is ٣٤?", "What is 34?"],
    ["What is 15% of 240?", "What is fifteen percent of 240?"],
    ["The party is on July 4th", "The party is on 4 July"],
    ["the 3rd planet", "the third planet"],
    ["Plan 3 days in Rome with 2 kids", "Plan with 2 kids 3 days in Rome"],
    ["run 5 km", "run 5 kilometers"],
    ["which one is right", "which is right"],
    ["one page on bees", "1 page on bees"],
    ["the twenty-first day", "the 21st day"],
    ["a dozen eggs", "12 eggs"],
  ],
  date: [
    ["Is the shop open today?", "Is the shop open now?"],
    ["Events in Sept. 2020", "Events in September 2020"],
    ["May I park here?", "may I park here"],
  ],
  quotation: [
    ["Translate 'good morning' now", 'Translate "good morning" now'],
    ["Translate good morning now", "Translate 'good morning' now"],
    ["the dogs' tails", "the dogs tails"],
    ["the dogs' and cats' tails", "the cats' and dogs' tails"],
  ],
  negation: [
    ["I can't log in", "I cannot log in"],
    ["I cant sleep", "I can’t sleep"],
    ["Is it impossible to win?", "Is it not possible to win?"],
    ["Which numbers are odd?", "Which numbers are not even?"],
    ["How can I become less impatient?", "How can I become more patient?"],
    ["Why isn't my code working?", "Why is my code not working?"],
    ["Tell me whether or not bees sleep", "Tell me whether bees sleep"],
  ],
  question: [
    ["How do I sort a list?", "What is the best way to sort a list?"],
    ["Explain how to sort a list", "Could you please tell me how to sort a list?"],
    ["For what reason do cats purr?", "Why do cats purr?"],
  ],
  order: [
    ["In Python, how do I parse a file?", "How do I parse a file in Python?"],
    ["In the New York subway, how do I pay a fare?", "How do I pay a fare in the New York subway?"],
    ["Is Ann married to Bob?", "Is Bob married to Ann?"],
    ["the difference between cats and dogs", "the difference between dogs and cats"],
    ["Was Tom hired by Marie?", "Did Marie hire Tom?"],
    ["How do I delete a git branch quickly?", "How do I delete a branch in git quickly?"],
  ],
  words: [
    ["What is the capital of France?", "WHAT IS THE CAPITAL OF FRANCE"],
    ["What is the capital of France?", "  what's the capital  of france??\n"],
    ["Explain inflation", "Hi! Please could you explain inflation to me? Thanks!"],
    ["Recommend a good restaurant in Madrid", "Reccomend a good restaurant in madrid"],
    ["Explain the theory of relativity", "Explain teh theory of relativty"],
    ["How do I install Node.js?", "how do i instal nodejs"],
    ["How do I fix a car?", "How do I repair an automobile?"],
    ["planning a trip", "plan a trip"],
    ["Can you explain inflation to me?", "Can you describe inflation to me?"],
    ["Hi guys, what is inflation?", "Good evening, what is inflation?"],
    ["my web site is slow", "my website is slow"],
    ["U.S. law", "US law"],
    ["PLEASE SORT THE LIST NOW", "sort the list"],
    ["Could You Please Sort The List", "sort the list"],
    ["Was ist die Hauptstadt von Spanien?", "was ist die hauptstadt von spanien"],
    ["法国的首都是什么？", "法国的首都是什么"],
    ["What is zero\u200bwidth?", "What is zerowidth?"],
  ],
};

describe.each(Object.entries(SERVED))("the same question, %s", (_rule, pairs) => {
  test.each(pairs)("%s | %s", (asked, stored) => {
    expect(guard.refusal(asked, stored)).toBeUndefined();
    expect(guard.refusal(stored, asked)).toBeUndefined();
  });
});

test("what differs is told", () => {
  expect(guard.refusal("Top 5 rivers", "Top 7 rivers")).toEqual({ rule: "number", difference: "5 / 7" });
  expect(guard.refusal("Can I bring my guide dog?", "Can I bring my dog?")?.difference).toContain("guide");
});
