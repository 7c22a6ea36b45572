/** Irregular forms and their plain word. */
export const IRREGULAR: ReadonlyMap<string, string> = new Map(
  `be am is are was were been being
   do did done does doing
   have has had having
   go went gone goes
   get got gotten
   make made
   write wrote written
   read reads
   say said
   take took taken
   come came
   see saw seen
   know knew known
   think thought
   find found
   give gave given
   tell told
   become became
   leave left
   feel felt
   bring brought
   begin began begun
   keep kept
   hold held
   stand stood
   hear heard
   mean meant
   meet met
   run ran running
   pay paid
   sit sat
   speak spoke spoken
   lead led
   grow grew grown
   lose lost
   fall fell fallen
   send sent
   build built
   understand understood
   draw drew drawn
   break broke broken
   spend spent
   rise rose risen
   drive drove driven
   buy bought
   wear wore worn
   choose chose chosen
   win won winning
   teach taught
   catch caught
   sell sold
   fight fought
   fly flew flown
   throw threw thrown
   eat ate eaten
   drink drank drunk
   sleep slept
   sing sang sung
   swim swam swum
   forget forgot forgotten
   hide hid hidden
   steal stole stolen
   invite invited
   child children
   man men
   woman women
   person people persons
   mouse mice
   foot feet
   tooth teeth
   goose geese
   life lives
   wife wives
   knife knives
   leaf leaves
   wolf wolves
   half halves
   analysis analyses
   crisis crises
   criterion criteria
   phenomenon phenomena
   index indices indexes
   matrix matrices
   vertex vertices
   datum data
   medium media
   die died dying dies
   lie lying lies
   tie tying ties`
    .split("\n")
    .flatMap((line) => {
      const [plain = "", ...forms] = line.trim().split(/\s+/u);
      return forms.map((form): [string, string] => [form, plain]);
    }),
);

/** Words that end like a form and are none. */
export const NO_FORM: ReadonlySet<string> = new Set(
  "mrs news physics mathematics economics politics statistics ethics series species lens gas bus plus this thus its was has is us yes always perhaps during nothing something anything everything thing king ring sing spring string bring wing morning evening ceiling red bed need speed feed seed weed bleed breed exceed proceed indeed hundred sacred naked aids mars texas jesus virus status focus campus bonus census corpus axis basis tennis glasses arms customs goods jeans means united building".split(
    " ",
  ),
);

/** What an apostrophe shortens. `n't` and the endings are handled by the reader. */
export const CONTRACTIONS: ReadonlyMap<string, readonly string[]> = new Map<string, readonly string[]>([
  ["can't", ["can", "not"]],
  ["cannot", ["can", "not"]],
  ["won't", ["will", "not"]],
  ["shan't", ["shall", "not"]],
  ["ain't", ["is", "not"]],
  ["cant", ["can", "not"]],
  ["dont", ["do", "not"]],
  ["doesnt", ["does", "not"]],
  ["didnt", ["did", "not"]],
  ["isnt", ["is", "not"]],
  ["arent", ["are", "not"]],
  ["wasnt", ["was", "not"]],
  ["werent", ["were", "not"]],
  ["havent", ["have", "not"]],
  ["hasnt", ["has", "not"]],
  ["hadnt", ["had", "not"]],
  ["wouldnt", ["would", "not"]],
  ["couldnt", ["could", "not"]],
  ["shouldnt", ["should", "not"]],
  ["mustnt", ["must", "not"]],
  ["neednt", ["need", "not"]],
  ["i'm", ["i", "am"]],
  ["let's", ["let", "us"]],
  ["whats", ["what", "is"]],
  ["hows", ["how", "is"]],
  ["wheres", ["where", "is"]],
  ["whos", ["who", "is"]],
  ["im", ["i", "am"]],
  ["ive", ["i", "have"]],
  ["gonna", ["going", "to"]],
  ["wanna", ["want", "to"]],
  ["gotta", ["have", "to"]],
  ["lemme", ["let", "me"]],
  ["gimme", ["give", "me"]],
  ["u", ["you"]],
  ["ur", ["your"]],
  ["r", ["r"]],
]);
