"""The words around names: what tells a person from a lake, a brand from a town, a style from a painter."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ARTICLES = frozenset({"a", "an"})
DETERMINERS = _words(
    "the this that these those my your his her our their its another some any each every no two "
    "three four five several many"
)
ADJECTIVES = _words(
    "young old older elderly tiny giant huge little big small tall happy sad angry famous real asian african american european "
    "indian chinese japanese korean french german italian spanish british english irish scottish russian mexican brazilian turkish greek arab "
    "arabic persian iranian dutch swedish norwegian danish finnish polish czech hungarian ukrainian canadian australian latin hispanic latino latina caucasian black white "
    "native indigenous western eastern northern southern realistic animated photorealistic handsome beautiful smiling dancing singing evil good "
    "new vintage classic modern red blue green yellow orange pink purple golden silver gold grey gray brown beige turquoise teal navy crimson scarlet "
    "shiny broken empty colorful colourful cute funny bright dark light bold sleek large close clean wide high low simple detailed vibrant futuristic minimalist elegant "
    "jewish muslim christian catholic hindu buddhist orthodox roman egyptian victorian medieval royal ancient"
)
PRODUCTS = _words(
    "shoe shoes sneaker sneakers trainers boot boots can cans bottle bottles cup cups mug glass "
    "laptop laptops phone phones smartphone smartphones tablet watch watches car cars coupe suv sedan truck van bus "
    "motorcycle motorbike scooter bike logo logos sign signs billboard store shop restaurant cafe bag "
    "bags handbag purse jacket shirt hoodie hat cap dress jeans t box boxes packet wrapper bar toy toys "
    "castle brick bricks block blocks set figure doll dolls dollhouse controller console game games camera lens drone commercial ad "
    "advert app website video movie film films cartoon animation character characters world "
    "park plane jet engine paper headquarters factory poster card cards advertisement tractor excavator "
    "product products perfume burger fries pizza drink coffee chocolate theme race racing swoosh map beer whiskey vodka wine cereal soup "
    "bank company sunglasses backpack jersey uniform stadium headphones earbuds speaker guitar piano pen keyboard mouse monitor chip toothpaste"
)
RELATIONS = _words(
    "friend friends neighbor neighbour colleague coworker boss teacher brother sister cousin uncle "
    "aunt mother father mom dad mum wife husband girlfriend boyfriend ex son daughter roommate "
    "landlord classmate partner fiance fiancee grandfather grandmother grandma grandpa employee "
    "manager client doctor nephew niece stepmother stepfather buddy crush bestie coach supervisor assistant tutor nanny babysitter"
)
TITLES = {
    "president": "a political leader", "senator": "a politician", "governor": "a politician",
    "mayor": "a town politician", "congressman": "a politician", "congresswoman": "a politician",
    "minister": "a politician", "chancellor": "a political leader", "candidate": "a candidate",
    "councillor": "a politician", "councilman": "a politician", "councilwoman": "a politician",
    "representative": "a politician", "secretary": "an official", "ambassador": "a diplomat",
    "king": "a king", "queen": "a queen", "prince": "a prince", "princess": "a princess",
    "duke": "a duke", "duchess": "a duchess", "lord": "a lord", "lady": "a lady", "sir": "a man",
    "pope": "a religious leader in white robes", "judge": "a judge", "sheriff": "a sheriff",
    "bishop": "a bishop", "cardinal": "a cardinal", "pastor": "a pastor", "imam": "an imam", "rabbi": "a rabbi",
    "mr": "a man", "mrs": "a woman", "ms": "a woman", "miss": "a woman", "professor": "a professor",
    "dr": "a doctor", "doctor": "a doctor", "nurse": "a nurse", "officer": "a police officer",
    "detective": "a detective", "sergeant": "a sergeant", "captain": "a captain", "colonel": "a colonel",
    "general": "a general", "coach": "a coach", "chef": "a chef",
}  # fmt: skip
TITLE_PREFIXES = frozenset({"prime", "vice", "foreign", "deputy", "former", "first", "us"})
PARTICLES = _words(
    "de da di del della du des la le van von der den bin ibn al el ben st y dos das ter ten"
)
NOT_SURNAMES = _words(
    "street avenue road square park lake river bridge tower falls beach bay island islands mountain mountains alps "
    "mount hill hills valley castle palace cathedral church chapel museum hall house opera station temple shrine mosque "
    "airport university school college hospital hotel garden gardens forest desert ocean sea coast canal plaza market mall stadium arena "
    "harbor harbour city town village county state day night morning evening christmas easter new year eve "
    "halloween thanksgiving january february march april may june july august september october november "
    "december monday tuesday wednesday thursday friday saturday sunday spring summer autumn fall winter style art nouveau deco "
    "painting film movie video photo camera and or the of in on at with from by to for is are was as a an "
    "terrier retriever shepherd cat dog horse bird collins yum tea oak tree cross cape point canyon bear wolf lion tiger "
    "glacier volcano reef peninsula republic kingdom empire war i ii iii iv v vi cup open grand prix league national world "
    "stands walks runs sits plays looks dances smiles rides eats holds wearing standing walking "
    "running sitting playing looking dancing smiling riding eating holding "
    "africa america asia europe england france germany italy spain india china japan korea russia mexico brazil canada australia texas california florida "
    "york angeles francisco vegas orleans diego jose paulo janeiro aires kong delhi mumbai tokyo kyoto paris london rome berlin venice "
    "saint san santa los las santo sao north south east west northern southern eastern western great golden royal mother father old upper lower "
    "express railway train line lines airlines team club band orchestra choir society company group corp inc ltd bank center centre "
    "church bible god jesus christ lord allah buddha festival carnival parade day's time times magazine news journal press tv channel show award awards prize "
    "rock pop jazz blues metal folk opera ballet symphony concerto sonata hd uhd 4k 8k dslr cinema unreal engine octane blender photoshop "
    "cruise ship boat ferry yacht galleon submarine rocket shuttle satellite rover hubble webb telescope apollo voyager "
    "dynasty period earring earrings prodigal era epoch age ages phase institution organization organisation agency department bureau administration foundation committee commission ministry office council congress senate parliament "
    "trench shelf base wilderness sheet strait sound basin plateau ridge land lands ice archipelago atoll lagoon fjord delta rainforest jungle savanna steppe nevis building terminal memorial monument boulevard "
    "capitol alliance federation confederation union association academy institute manor mansion estate tattoo boy girl boys girls man woman men women service services guard force forces "
    "army navy marines police patrol squad unit division battalion regiment intelligence security health welfare education defense defence justice treasury reserve federal central international global united states nations "
    "state's republican democrat democratic labour conservative liberal communist socialist green's movement revolution declaration constitution act bill law code protocol treaty accord agreement conference summit forum "
    "library archive gallery studio studios theatre theater playhouse arena dome pier wharf dock gate arch column obelisk pyramid sphinx wall fort fortress citadel abbey monastery convent basilica pagoda ruins "
    "constellation nebula galaxy comet asteroid moon sun mars venus jupiter saturn mercury neptune uranus pluto earth "
    "mustang camaro corvette challenger charger beetle polo golf tank plane helicopter bike bicycle motorcycle"
)
STYLE_WORDS = _words(
    "art deco nouveau pop op fine modern classic classical classicism abstract anime manga comic comics "
    "cartoon pixel vector retro vintage noir gothic baroque renaissance rococo impressionism impressionistic post neo pre raphaelite "
    "impressionist expressionism expressionist cubism cubist surrealism surrealist realism realist hyperrealism "
    "romanticism romantic minimalism minimalist futurism futurist constructivism constructivist symbolism symbolist fauvism fauvist dadaism dada suprematism "
    "pointillism pointilism divisionism tonalism luminism precisionism mannerism ukiyo e japanese chinese korean indian persian greek roman egyptian celtic nordic norse "
    "viking medieval victorian edwardian georgian tudor elizabethan soviet american british french italian dutch german russian spanish mexican flemish venetian florentine "
    "african aztec mayan inca byzantine islamic ottoman mughal rajput pahari kangra tibetan thai balinese aboriginal maori polynesian inuit haida navajo time magazine national geographic documentary film black "
    "and white watercolor watercolour oil paint painting ink pencil charcoal pastel sketch drawing gouache acrylic tempera fresco mosaic "
    "cyberpunk steampunk dieselpunk solarpunk biopunk vaporwave synthwave fantasy science fiction sci fi western madhubani "
    "warli ndebele gond kalighat pattachitra low poly 3d 2d cg cgi claymation clay stop motion lego hollywood bollywood nollywood broadway "
    "golden silver age old masters master the a an traditional contemporary folk street graffiti bauhaus brutalist brutalism memphis swiss scandinavian "
    "photo photography photorealistic photorealism cinematic hyperrealistic emoji sticker origami paper cut papercut collage kawaii chibi shonen shojo "
    "new wave hudson river school ashcan barbizon kano rinpa nihonga shanshui gongbi tang song ming qing edo meiji showa heian taisho joseon "
    "gothic lolita harajuku grunge punk hippie psychedelic disco y2k wild west roaring twenties space race cold war film's movie tv"
)
FUNCTION_WORDS = _words(
    "a an the and or but nor so of in on at over under above below into onto from to toward towards with "
    "without by for as is are was were be being been it its he she they his her their him them this "
    "that these those there here while when then first next after before during through across "
    "around along between behind beside near past up down out off away very just more most some any each every "
    "i you we my your our me us can could will would may might must shall should do does did has have had like not no who which what where how if "
    "one two three four five six seven eight nine ten show create make generate illustrate depict produce draw paint design feature highlight imagine visualize capture write "
    "beautiful photo image picture video scene view shot portrait close wide medium inside outside it's with"
)
ART_NOUNS = _words(
    "style styles work works art arts artwork artworks painting paintings palette brushwork brushstrokes aesthetic aesthetics technique techniques use "
    "vision imagination world worlds universe illustration illustrations drawing drawings photography photographs film films animation "
    "sculpture sculptures design designs architecture signature characteristic oeuvre portraits landscapes landscape still interior cubism whimsical surreal dreamlike "
    "unique iconic distinctive composition compositions approach color colors colour colours inspired masterpiece masterpieces canvas mural murals realism"
)
BODY = _words(
    "face eyes eye smile hair hands hand head voice lips body tears laugh gaze stare expression grin house home office desk car dog cat speech "
    "birthday wedding funeral life career family wife husband daughter son mother father mouth nose cheeks forehead brow jaw shoulders fingers intense warm wide blue brown bright"
)
BRAND_NOUNS = _words(
    "logo logos sign signs signage product products branding brand brands branded emblem packaging package packages store stores storefront shop bottle bottles can cans box boxes "
    "headquarters app billboard advertisement trademark slogan watch sneakers shoes phone phones smartphone smartphones laptop laptops tablet car cars suv sedan truck van bus chip chips toothpaste beer cup mug "
    "shirt t hoodie cap jacket bag bags booth factory office building facade restaurant cafe station device devices machine machinery panel panels battery batteries drug medicine vaccine vial cream lotion "
    "perfume cereal snack snacks drink drinks soda water juice coffee tea wine whiskey vodka equipment tool tools vehicle vehicles engine engines appliance appliances tv television camera cameras printer server servers "
    "solar steel oil gas assembly employee employees uniform website banner poster balloon flag truck trucks container containers"
)
AT_PERSON = _words("who whose and's")
# What nobody is called: a name with such a word in it, and no known name either, is an invented
# creature ("Professor Owl"), a role ("Prime Minister") or a thing. Family names that are also such
# words stand in the list of family names, which counts first.
EVERYDAY = _words(
    "owl fox wolf bear lion tiger rabbit bunny hare mouse rat frog toad turtle tortoise snake cobra lizard gecko dragon dinosaur rex raptor "
    "cat kitten dog puppy hound pig cow bull goat sheep lamb horse pony donkey duck goose chicken hen rooster penguin parrot raven crow eagle "
    "hawk sparrow pigeon dove swan flamingo peacock bee ant spider beetle butterfly ladybug snail worm crab lobster octopus squid shark whale dolphin seal otter "
    "beaver badger hedgehog squirrel raccoon skunk panda koala kangaroo monkey gorilla ape elephant giraffe zebra hippo rhino camel llama alpaca deer moose elk bison "
    "snowman scarecrow skeleton ghost zombie vampire werewolf mummy witch wizard sorcerer goblin troll ogre elf dwarf fairy pixie unicorn mermaid giant cyclops alien robot android cyborg "
    "monster golem gnome genie djinn phoenix griffin hatter hare scotsman dutchman frenchman englishman irishman welshman stranger traveller traveler wanderer pirate knight ninja samurai cowboy "
    "minister president secretary emperor empress king queen prince princess duke duchess baron baroness count countess lord lady sir dame sultan pharaoh chief commander "
    "officer detective inspector sheriff captain sailor soldier pilot astronaut scientist professor teacher student nurse doctor surgeon dentist chef baker butcher farmer fisherman "
    "grandma grandpa granny nana mommy mummy daddy auntie uncle aunt mother father brother sister baby toddler kid child children family neighbour neighbor "
    "potato tomato carrot onion pumpkin banana apple pear peach cherry lemon melon pineapple coconut strawberry blueberry broccoli cabbage cookie cupcake donut pancake waffle cheese bread butter pickle "
    "sun moon star cloud rain snow storm wind thunder lightning fire flame ice water wave river stone mountain tree leaf flower cactus mushroom pumpkin "
    "car truck train engine tractor bus boat ship plane rocket bicycle clock lamp candle teapot kettle spoon fork knife cup plate chair table sofa bed pillow "
    "ball doll toy puppet clown magician juggler acrobat dancer singer drummer pianist painter poet writer reader hero heroine villain ranger scout guardian keeper watcher "
    "machine gadget computer phone camera drone balloon kite umbrella hat sock shoe boot glove button zipper whiskers paws fluff fluffy bubbles sparkle twinkle sprinkles"
)
_VERBS = (
    "walk run jump dance sing smile laugh cry shout scream wave ride drive eat drink cook bake read write paint draw play fight sleep sit stand kneel crawl climb swim dive surf ski skate fly fall speak talk "
    "whisper argue debate shake hug kiss hold carry throw catch kick punch hit push pull open close look stare watch gaze wink nod bow salute point clap cheer celebrate pose perform juggle conduct teach learn "
    "work type call text film photograph shop wait chase hide steal rob shoot train box wrestle score dribble bowl golf fish hunt garden mow wash clean sweep iron sew knit build repair fix give take receive accept "
    "deliver present address announce sign vote campaign protest march travel arrive leave enter exit fly land board crash smash explode win lose meet greet visit marry blow cut slice pour sip taste order serve pay "
    "wear put remove dress comb shave brush lift stretch meditate pray think dream wake yawn sneeze cough smoke vape dj rap act direct host interview confess apologize apologise beg weep sob rant yell boast grin frown smirk blink turn lean rest relax"
)
_IRREGULAR = {
    "sit": "sitting", "run": "running", "swim": "swimming", "cut": "cutting", "put": "putting", "nod": "nodding", "beg": "begging",
    "sob": "sobbing", "clap": "clapping", "shop": "shopping", "chat": "chatting", "hit": "hitting", "hug": "hugging", "win": "winning",
    "rob": "robbing", "rap": "rapping", "sip": "sipping", "mow": "mowing", "die": "dying", "fly": "flying",
}  # fmt: skip


def _forms(verb: str) -> tuple[str, str]:
    third = (
        f"{verb[:-1]}ies" if verb.endswith("y") and verb[-2] not in "aeiou"
        else f"{verb}es" if verb.endswith(("s", "sh", "ch", "x", "z", "o"))
        else f"{verb}s"
    )  # fmt: skip
    going = _IRREGULAR.get(verb) or (f"{verb[:-1]}ing" if verb.endswith("e") else f"{verb}ing")
    return third, going


PERSON_VERBS = frozenset(form for verb in _VERBS.split() for form in _forms(verb)) | _words(
    "is was has had says said wears goes does gives stands donning dressed wearing seated standing"
)

# Given and family names that are everyday words too: in lower case they are never names.
COMMON_GIVEN = _words(
    "will mark bill rose grace hope faith joy lily daisy iris ivy jade amber ruby pearl olive violet may june april august summer autumn dawn eve rich frank jack art guy dean grant drew chase hunter carter mason "
    "cooper max victor sky skye lane robin jean chad don pat bob rob nick wade miles sandy christian holly heather ginger rosemary rusty dusty buddy penny candy crystal destiny angel trinity melody harmony jasmine basil "
    "herb gene ray jay lance pierce wolf fox earl duke prince king ken tim china paris london florence sydney austin dallas charlotte savannah brooklyn jordan israel georgia carolina virginia victoria alba aria sakura luna "
    "celeste stella aurora constance mercy patience prudence clementine hazel willow forrest reed cliff glen heath dale brook brooke rowan jasper garnet opal coral mina uma ran jin kai ming long ling lin bela sari maya ava mara "
    "dolores consuelo trisha maria santiago milan bianca blanca rocky buck chip stormy misty star rain river ocean cherry ebony gaston viola perla kim lee sam alex chris terry taylor morgan casey riley quinn reese robin dakota "
    "jules nicky emerson hayden kendall avery kay sue ann bea may jo al ed ian ali cem ugo noel roman french german norman english art rusty barry harry warren hugo hilda gail gale marina sierra rana june jan mar ram rao raj"
)
COMMON_SURNAMES = _words(
    "brown white black green gray grey young king knight stone wood woods fox wolf hill hall lake park rivers field baker cook carpenter fisher hunter gardner miller mason potter porter taylor turner walker wright bishop dean pope price rich "
    "long short small day may west north marsh moran bell ball bird payne penny lamb little love strong swift moody power rose page banks ford berg lang mann hart hunt cross church street rock mills wells burns banks reed branch brooks cox bates boyd "
    "palmer cooper parker foster carter ward webb weaver ross lowe ray stein pinto costa rocha silva santos torres flores castillo castro romano marino bianchi rossi franco bruno gallo leone conti costa king das sen roy pillai nair rao jain gill tan lam chan lin li ho ng vu do simon martin vincent lewis grant curtis lloyd "
    "fleming holland england french english german norman christian israel jordan santiago toledo cordoba vega luna sol soto cruz vogel kaiser prince duke earl barber butler chandler clay cliff coffin crane crow dale drake finch frost glass hawk heath holt hood hook horn lane lark law lynch marsh moon moss nash nick noble"
)

# Such a story before a noun: "Star Wars ships" are science-fiction ships.
STORY_BEFORE = {
    "an animated film": "animated",
    "a cartoon series": "cartoon",
    "an animation series": "animation",
    "a superhero story": "superhero",
    "a science-fiction story": "science-fiction",
    "a fantasy story": "fantasy",
    "a video game": "video-game",
    "a well-known film": "film",
    "a school of magic": "magic-school",
}

# What a character of such a story is.
HEROES = {
    "an animated film": "a cartoon character",
    "a cartoon series": "a cartoon character",
    "an animation series": "an animation hero",
    "a superhero story": "a costumed hero",
    "a science-fiction story": "a space traveller",
    "a fantasy story": "a fantasy hero",
    "a video game": "a game hero",
    "a well-known film": "a film character",
    "a school of magic": "a student of magic",
}
