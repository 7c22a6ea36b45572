import { opposites } from "./lists.ts";

/** Words that stand against each other, as general as they come. Forms (plural, tense) are found by the rule. */
export const ANTONYMS: ReadonlyMap<string, ReadonlySet<string>> = opposites(`
  able/unable above/below/beneath absent/present accept/reject/refuse/decline accelerate/decelerate/brake active/passive/inactive acute/chronic
  add/remove/subtract/delete/drop admit/deny adult/child/infant advance/retreat advantage/disadvantage/drawback affirmative/negative
  after/before ahead/behind alive/dead/deceased all/none/some allow/forbid/deny/block/prohibit/prevent/disallow/ban always/never/sometimes
  amateur/professional ancient/modern answer/question append/prepend approve/disapprove/reject arrive/depart/leave arrival/departure
  artificial/natural ascend/descend ascending/descending ascent/descent asleep/awake assemble/disassemble/dismantle asset/liability
  attach/detach attack/defend/defense attract/repel attractive/ugly/repulsive authentic/fake/counterfeit authorize/revoke/deny
  available/unavailable avoid/seek/cause backward/forward backwards/forwards bad/good/great base/acid beautiful/ugly/hideous begin/end/finish/stop
  beginner/expert/advanced beginning/end/ending benefit/harm/drawback/risk best/worst better/worse big/small/little/tiny birth/death
  bitter/sweet black/white blunt/sharp bold/timid/shy boil/freeze borrow/lend bottom/top boy/girl brave/cowardly/afraid bride/groom
  bright/dark/dim/dull bring/take broad/narrow brother/sister build/destroy/demolish busy/idle/free buy/sell buyer/seller
  calm/agitated/anxious/nervous capitalism/socialism/communism careful/careless/reckless cause/effect/prevent/cure/treatment/symptom
  ceiling/floor centralized/decentralized certain/uncertain/doubtful cheap/expensive/costly children/adults/parents clean/dirty/messy
  clear/vague/unclear/cloudy clever/stupid/dumb clockwise/counterclockwise/anticlockwise close/open/far closed/open coarse/fine cold/hot/warm
  collapse/expand combine/separate/split/divide comedy/tragedy comfort/discomfort common/rare/uncommon compile/decompile complete/incomplete/partial
  complex/simple complicated/simple compliment/insult compress/decompress/expand/extract con/pro concave/convex conceal/reveal/expose
  connect/disconnect conscious/unconscious conservative/liberal/progressive constant/variable construct/destroy consumer/producer
  contract/expand continue/stop/discontinue/quit convergent/divergent converge/diverge cool/warm/hot correct/incorrect/wrong courage/cowardice/fear
  create/destroy/delete/remove credit/debit criticize/praise cruel/kind crowded/empty/deserted cry/laugh curved/straight
  damage/repair/fix danger/safety dangerous/safe/harmless dark/light/bright dawn/dusk day/night deciduous/evergreen decode/encode
  decrease/increase/raise/grow decrypt/encrypt deep/shallow defeat/victory/win deficit/surplus demand/supply deny/grant deposit/withdraw
  deploy/undeploy deserialize/serialize despair/hope destroy/create/build die/live/born difference/similarity different/same/identical/similar
  difficult/easy/simple dirty/clean disable/enable/activate discourage/encourage dishonest/honest divide/multiply/unite divorce/marry/marriage
  divorced/married domestic/foreign/international/wild dominant/recessive/submissive double/halve/single download/upload downstream/upstream
  downward/upward dry/wet/humid/moist dull/interesting/sharp dusk/dawn dynamic/static
  each/none early/late earlier/later earliest/latest earn/spend/lose east/west eastern/western easy/hard/difficult emigrate/immigrate emigration/immigration
  employ/fire employee/employer empty/full/fill encourage/discourage/deter end/start/beginning enemy/friend/ally enter/exit/leave
  entrance/exit equal/unequal/different even/odd everything/nothing everyone/nobody evil/good/virtuous exact/approximate/rough
  excited/bored exclude/include exclusive/inclusive excluding/including exhale/inhale expand/shrink/contract expense/income/revenue
  experienced/inexperienced explicit/implicit explode/implode export/import exterior/interior external/internal extrovert/introvert
  extroverted/introverted fail/pass/succeed failure/success fake/real/genuine/true fall/rise/climb false/true fame/obscurity familiar/strange/unfamiliar
  fast/slow faster/slower fastest/slowest fat/thin/skinny/slim father/mother female/male feminine/masculine few/many fewer/more
  fewest/most fiction/nonfiction/fact final/initial/first find/lose finite/infinite fire/hire first/last/final fix/break/breaking flexible/rigid/stiff
  float/sink fold/unfold follow/lead/unfollow follower/leader foolish/wise forget/remember formal/informal/casual former/latter/current forward/backward/reverse
  fragile/sturdy/robust free/paid/captive/expensive freeze/melt/thaw/boil frequent/rare frequently/rarely/seldom fresh/stale/rotten/frozen friend/enemy
  friendly/hostile/unfriendly front/back/rear frontend/backend full/empty/partial future/past gain/lose/loss/waste gather/scatter general/specific/particular
  generous/selfish/stingy gentle/rough/harsh giant/tiny give/take/receive global/local good/bad/evil/poor gradual/sudden graduate/undergraduate
  greater/less/lesser/smaller grow/shrink growth/decline guilty/innocent guilt/innocence happy/sad/unhappy/miserable happiness/sadness
  hard/soft/easy harm/help harmful/harmless/beneficial/helpful hate/love head/tail/foot health/illness/sickness healthy/sick/unhealthy/ill
  heat/cool/cold heaven/hell heavy/light heavier/lighter hero/villain hide/show/reveal/unhide high/low higher/lower highest/lowest hire/fire/dismiss
  hit/miss hold/release honest/dishonest/deceitful horizontal/vertical horizontally/vertically host/guest hot/cold/cool huge/tiny/small human/machine/animal
  humble/arrogant/proud husband/wife import/export important/unimportant/trivial improve/worsen/degrade/damage inbound/outbound include/omit/exclude income/expenditure/expense
  increase/decrease/reduce/lower/drop increased/decreased/reduced indoor/outdoor indoors/outdoors inductive/deductive inferior/superior inflate/deflate inflation/deflation
  inhibit/stimulate/promote inner/outer input/output insert/remove/delete/extract inside/outside install/uninstall/remove intelligent/stupid
  intentional/accidental internal/external intranet/internet introduce/withdraw inward/outward join/leave/split/quit/separate joy/sorrow/grief junior/senior
  justice/injustice keep/discard/lose/remove king/queen knowledge/ignorance known/unknown land/sea/water landlord/tenant large/small larger/smaller largest/smallest
  last/next late/early latest/oldest/earliest lawyer/criminal lazy/diligent/hardworking/industrious leading/trailing learn/teach/unlearn least/most left/right
  legal/illegal lend/borrow lender/borrower length/width less/more liberal/conservative lie/truth life/death lift/drop/lower light/heavy/dark like/dislike likely/unlikely
  limited/unlimited linear/nonlinear liquid/solid/gas literal/figurative load/unload lock/unlock log/unlog logical/illogical login/logout logon/logoff long/short longer/shorter
  longest/shortest loose/tight loosen/tighten lose/win/find/gain/keep loser/winner loss/profit/gain lossless/lossy loud/quiet/soft/silent lower/raise/upper/higher lowercase/uppercase
  loyal/disloyal lucky/unlucky macro/micro major/minor majority/minority male/female man/woman manual/automatic manually/automatically master/slave/servant
  mature/immature maximal/minimal maximize/minimize maximise/minimise maximum/minimum max/min meaningful/meaningless mental/physical merge/split/unmerge
  minimum/maximum minor/major mix/separate mobile/desktop/stationary modest/arrogant monarchy/republic moral/immoral more/less/fewer morning/evening/night
  most/least mother/father mount/unmount multiply/divide mute/unmute mutable/immutable naive/sophisticated narrow/wide/broad nephew/niece near/far/distant negative/positive
  nervous/calm/relaxed neutral/biased new/old/used newer/older newest/oldest next/previous/prior noble/ignoble noisy/quiet/silent noon/midnight
  normal/abnormal/unusual north/south northern/southern numerator/denominator obey/disobey/defy objective/subjective odd/even offensive/defensive offline/online often/rarely/seldom
  old/young/new on/off one/many open/closed/shut/close opaque/transparent opponent/supporter/ally oppose/support optimal/suboptimal optimist/pessimist optimistic/pessimistic optional/mandatory/required/compulsory
  order/disorder/chaos ordinary/extraordinary/special organic/inorganic/synthetic outgoing/incoming over/under pack/unpack pain/pleasure parallel/serial/sequential/perpendicular
  parent/child pass/fail passive/aggressive/active past/future/present patient/doctor/impatient peace/war peak/trough/valley permanent/temporary permit/forbid/prohibit
  plaintiff/defendant plug/unplug plural/singular plus/minus polite/rude/impolite poor/rich/wealthy/good popular/unpopular positive/negative possible/impossible
  poverty/wealth powerful/weak/powerless practical/theoretical/impractical praise/criticism/criticize/blame precede/follow predator/prey presence/absence pretty/ugly prefix/suffix prevent/cause/promote
  previous/next/following/current primary/secondary private/public pro/con produce/consume professional/amateur profit/loss progress/regress progressive/conservative/regressive
  prohibit/allow/permit prologue/epilogue promote/demote/discourage proper/improper prosecution/defense protagonist/antagonist protect/attack/expose proud/ashamed prove/disprove/refute
  pros/cons public/private/secret pull/push punish/reward punishment/reward pure/impure/mixed qualitative/quantitative quick/slow quickly/slowly quiet/loud/noisy
  raise/lower/reduce/cut random/deterministic/sequential rapid/slow rare/common/frequent rational/irrational raw/cooked reactive/proactive read/write ready/unready real/imaginary/virtual/fake
  reality/fantasy/fiction rear/front recent/old/ancient receive/send receiver/sender recognize/ignore reckless/cautious/careful reduce/increase/raise reflect/absorb refuse/accept/agree
  regular/irregular relative/absolute relevant/irrelevant relaxed/tense/stressed reliable/unreliable remain/leave/change remember/forget remote/local/onsite remove/add/insert rent/own/buy
  repair/break/damage reply/ask require/forbid resist/yield/surrender responsible/irresponsible rest/work/activity restrict/permit result/cause retail/wholesale retain/lose/discard reveal/hide/conceal
  reverse/forward reversible/irreversible revolve/fixed rich/poor right/left/wrong rise/fall/sink/set risky/safe robust/fragile rough/smooth/gentle rural/urban sad/happy safe/dangerous/unsafe/risky
  same/different satisfied/dissatisfied save/spend/waste/delete/lose scarce/abundant/plentiful secure/insecure/vulnerable see/ignore seldom/often/frequently sell/buy/purchase send/receive senior/junior
  sense/nonsense separate/join/combine/together serious/funny/joking/frivolous shallow/deep sharp/blunt/dull short/long/tall shorten/lengthen/extend shout/whisper show/hide shrink/grow/enlarge/expand
  shut/open shutdown/startup sick/healthy/well silence/noise/sound simple/complex/complicated simplify/complicate since/until single/multiple/married/double sink/float/swim sit/stand slow/fast/quick/rapid slowly/fast/quickly small/large/big/huge
  smart/dumb/stupid smile/frown smooth/rough/bumpy sober/drunk soft/hard/loud solid/liquid/gas solution/problem solvable/unsolvable solve/cause son/daughter sour/sweet source/destination/target/sink
  spender/saver spring/autumn/fall stable/unstable/volatile stand/sit/lie start/stop/end/finish/quit starting/ending/stopping static/dynamic stay/leave/go steep/flat/gentle sterile/fertile stop/start/continue/go/resume
  straight/crooked/curved/bent/gay strength/weakness strengthen/weaken strict/lenient/loose strong/weak/mild student/teacher/professor subscribe/unsubscribe subtract/add/addition succeed/fail success/failure sudden/gradual suffix/prefix
  sugary/salty summer/winter sunny/cloudy/rainy sunrise/sunset superior/inferior/subordinate support/oppose/undermine sweet/sour/bitter/salty/savory sweeten/sour symmetric/asymmetric synchronous/asynchronous sync/async
  take/give tall/short taller/shorter tallest/shortest tame/wild temporary/permanent theory/practice thick/thin thicken/thin thicker/thinner thin/thick/fat tidy/messy/untidy tie/untie tight/loose top/bottom toxic/nontoxic/harmless trailing/leading
  transparent/opaque trap/release true/false/untrue trust/distrust/mistrust/suspect typical/atypical ugly/beautiful/pretty/handsome uncle/aunt under/over undo/redo undirected/directed union/intersection unite/divide/separate/split unlock/lock
  up/down upgrade/downgrade upper/lower useful/useless usually/rarely/never vacant/occupied vague/precise/specific/clear valid/invalid vegetarian/carnivore vertical/horizontal victim/perpetrator/attacker victory/defeat/loss villain/hero/heroine
  violent/peaceful/nonviolent virtue/vice visible/invisible/hidden voluntary/mandatory/involuntary/compulsory vowel/consonant vulnerable/protected wake/sleep warm/cool/cold wax/wane weak/strong/powerful weaker/stronger wealth/poverty weekday/weekend
  well/badly/poorly wet/dry wholesale/retail wide/narrow wider/narrower win/lose winner/loser winter/summer wisdom/folly with/without within/outside/beyond work/play/rest worse/better worst/best
  wrong/right/correct yes/no young/old/elderly younger/older youngest/oldest zip/unzip zoom/pan hypertension/hypotension hyperthyroidism/hypothyroidism hyperglycemia/hypoglycemia prokaryotic/eukaryotic prokaryote/eukaryote mitosis/meiosis
  to/from into/out in/out for/against on/off before/after together/apart ago/hence anode/cathode aerobic/anaerobic bull/bear bullish/bearish client/server controller/device debtor/creditor dependent/independent dependence/independence
  direct/indirect directly/indirectly endothermic/exothermic equity/debt exogenous/endogenous vein/artery flatten/unflatten foreground/background fusion/fission greedy/lazy halal/haram homogeneous/heterogeneous immigrant/emigrant inbox/outbox
  innate/acquired/learned interactive/batch introduction/conclusion intro/outro invest/divest lessor/lessee libel/slander mainstream/alternative/niche nominal/real offense/defense overestimate/underestimate overweight/underweight
  payable/receivable payer/payee pessimism/optimism potential/kinetic preorder/postorder premium/basic/free proton/electron publish/unpublish/subscribe pushdown/pullup rollout/rollback sinner/saint stalactite/stalagmite supervised/unsupervised
  sympathetic/parasympathetic theist/atheist topological/metric unicast/multicast/broadcast verbal/nonverbal/written vanilla/chocolate vendor/customer winning/losing yin/yang
`);
