import { groups } from "./lists.ts";

/**
 * Words that may stand for each other in a question, one group a line, in their plain form. A word may be in several groups.
 * Short and strict: what is missing costs a hit, what is wrong costs an answer.
 */
export const SYNONYMS: ReadonlyMap<string, readonly number[]> = groups(`
fix repair mend
fix correct
fix solve resolve troubleshoot debug
begin start commence launch
end finish conclude terminate
stop quit cease
stop halt
buy purchase
get obtain acquire
receive get
choose select pick
delete erase remove
create make build construct
create generate produce
write compose draft
write create
make generate
big large
huge enormous gigantic massive immense
small little
tiny minuscule
fast quick rapid speedy swift
fastest quickest
faster quicker
quickly fast rapidly swiftly
easy simple
easily simply
difficult hard tough challenging
car automobile auto
movie film
doctor physician
lawyer attorney
phone telephone
cellphone smartphone mobile
photo picture photograph image pic
picture image
error mistake
error bug defect
bug issue problem
issue problem trouble
advantage benefit pro upside
disadvantage drawback con downside
child kid
children kids
mom mother mum
dad father
job occupation
employee worker
boss manager supervisor
firm company business
shop store
house home
couch sofa
garbage trash rubbish
meal dish
illness disease sickness
sick ill
medicine medication drug
symptom sign
cause reason
meaning definition
mean signify
difference distinction
differ different
method technique approach
step stage
procedure process
function method
use utilize utilise employ
usage use
show display
help assist aid
assistance help
helpful useful
important significant crucial essential
famous renowned
happy glad joyful
sad unhappy
angry mad furious
smart intelligent clever
stupid dumb
pretty beautiful
rich wealthy
poor impoverished
old aged elderly
strange odd weird
scared afraid frightened
tired exhausted
brave courageous
calm peaceful
entire whole complete
complete finish
correct right accurate
wrong incorrect
main primary principal chief
typical usual
usually typically generally normally
often frequently
rarely seldom infrequently
maybe perhaps possibly
nearly almost
about approximately roughly around
happen occur
explain clarify
summarize summarise summary
summary overview
improve enhance
increase raise boost
decrease reduce lower lessen
modify change alter
change switch
convert transform
join combine merge
divide split
check verify
test check
examine inspect
find locate
search find
lookup search
look appear seem
answer reply response respond
reply respond
speak talk
discuss talk
tell inform
say state
teach instruct
learn study
understand comprehend
think believe
require need
want desire
allow permit let
prohibit forbid ban
avoid prevent
protect guard
reach achieve attain
earn make
spend pay
cost price
price cost fee
cheap inexpensive affordable
expensive costly pricey
salary wage pay
money cash
trip journey
itinerary plan
travel trip
vacation holiday
hotel lodging
restaurant eatery
recipe recipes
cook prepare
city town
country nation
street road
author writer
write author
wrote author
invent create
inventor creator
discover find
population inhabitants
area region
top best
good great
terrible awful horrible
suggestion recommendation tip advice
recommend suggest advise
tip hint
example sample instance
instruction direction guide
guide tutorial
tutorial lesson
article post
essay paper
letter note
email mail
message text
website site webpage
webpage page
password passcode
username login
login signin logon
signup register registration enroll
register enroll
log signin
account profile
cancel end terminate
setup install configure
install installation
configure configuration setup
deploy deployment
execute run
run launch
program application app software
app application
software program
developer programmer coder
code program
script program
array list
string text
directory folder
dictionary dict hashmap
integer int
boolean bool
parameter argument
variable var
database db
repository repo
environment env
command cmd
computer pc
laptop notebook
screen display monitor
keyboard keypad
picture photo
stomach belly
belly abdomen
weight pounds
slim thin
pain ache
heal cure
baby infant
dog canine
cat feline
cats felines
rabbit bunny
autumn fall
stone rock
forest woods
ship boat
plane airplane aircraft
bike bicycle
motorbike motorcycle
gasoline petrol
fuel gas
apartment flat
elevator lift
truck lorry
cookie biscuit
soccer football
math maths mathematics arithmetic
grammar grammatical
religion faith
religious spiritual
vocal outspoken
grateful thankful
sincere honest
polite courteous
rude impolite
lonely alone
funny humorous amusing
boring dull
shy timid
kind nice
generous charitable
loyal faithful
lazy idle
hopeless pessimistic
optimistic hopeful
cautious careful
powerful strong
rational reasonable
intellectual cerebral
egotistical conceited
diverse varied
victim target
color colour
favorite favourite
center centre
organize organise
analyze analyse
analysis analyze
center middle
gray grey
license licence
theater theatre
program programme
behavior behaviour
flavor flavour
neighbor neighbour
meter metre
liter litre
fiber fibre
catalog catalogue
travelling traveling
canceled cancelled
us usa america states
uk britain
american us
postgres postgresql
mongo mongodb
kubernetes k8s
javascript js
typescript ts
python py
golang go
nodejs node
vscode vs
mac macos osx
aws amazon
regex regexp
wwii ww2
nyc york
ai artificial
ml machine
quote citation
remote online
boil boiling
apologise apologize
instructions steps
itinerary schedule
weather forecast
headline news
temperature heat
`);
