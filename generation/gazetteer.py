"""Who and what the prompt rewriter replaces, and by which words. Written for this project.

Facts only: what a person is known for, what a thing is. Never a look-alike trait: the description
must lead the engine away from the person. One line: names, separated by "/", then " = ", then the
description with its article. A name behind "~" is a common word as well ("~Musk"): it is matched
only as written here, never in lower case and never as the first word of the prompt.
"""

from __future__ import annotations

PUBLIC_FIGURES = """
Donald Trump/Trump/Donald J Trump = a political leader
Joe Biden/Biden/Joseph Biden = a political leader
Barack Obama/Obama = a political leader
Michelle Obama = a woman speaking to an audience
Hillary Clinton/Bill Clinton/Clintons = a political leader
George W Bush/George Bush = a political leader
Kamala Harris = a political leader
JD Vance/Mike Pence = a political leader
Bernie Sanders = an older politician
Nancy Pelosi/Elizabeth Warren = a woman politician
Alexandria Ocasio-Cortez/AOC = a woman politician
Mitch McConnell/Ted Cruz/Marco Rubio/Ron DeSantis/Gavin Newsom = a politician
Stacey Abrams/Nikki Haley/Marjorie Taylor Greene/Sarah Palin = a woman politician
Robert F Kennedy Jr/RFK Jr = a politician
Rudy Giuliani = a politician
Vladimir Putin/Putin = a political leader
Volodymyr Zelensky/Zelensky/Zelenskyy/Volodymyr Zelenskyy = a political leader
Xi Jinping = a political leader
Kim Jong Un/Kim Jong-un = a political leader
Emmanuel Macron/Macron = a political leader
Angela Merkel/Merkel = a woman political leader
Olaf Scholz/Friedrich Merz = a political leader
Boris Johnson/Rishi Sunak/Keir Starmer/Tony Blair/David Cameron = a political leader
Theresa May/Liz Truss = a woman political leader
Nigel Farage = a politician
Justin Trudeau/Trudeau/Mark Carney = a political leader
Narendra Modi/Modi = a political leader
Recep Tayyip Erdogan/Erdogan = a political leader
Benjamin Netanyahu/Netanyahu = a political leader
Jair Bolsonaro/Bolsonaro/Lula da Silva = a political leader
Javier Milei/Nicolas Maduro/Jose Mujica/Vicente Fox = a political leader
Viktor Orban/Giorgia Meloni/Marine Le Pen/Ursula von der Leyen = a politician
Bashar al-Assad/Ali Khamenei/Ayatollah Khamenei = a political leader
Abdel Fattah el-Sisi/Mohammed bin Salman = a political leader
Shinzo Abe/Fumio Kishida = a political leader
Jacinda Ardern = a woman political leader
Greta Thunberg = a young climate activist
Malala Yousafzai = a young activist
Dalai Lama/the Dalai Lama = a monk in robes
Pope Francis/Pope Leo/the Pope = a religious leader in white robes
Ban Ki-moon/Antonio Guterres = a diplomat
King Charles/King Charles III/Prince Charles = a man in royal dress
Queen Elizabeth/Queen Elizabeth II = an older woman in royal dress
Prince William/Prince Harry = a man in a suit
Kate Middleton/Meghan Markle/Princess Diana = a woman in an elegant dress
Alexei Navalny = an opposition politician
Julian Assange/Edward Snowden = a man at a computer
Elon Musk/~Musk = a business leader
Jeff Bezos/Bezos = a business leader
Bill Gates = a business leader in glasses
Mark Zuckerberg/Zuckerberg = a young business leader
Steve Jobs/Tim Cook/Sam Altman/Satya Nadella/Sundar Pichai = a business leader on a stage
Jensen Huang = a business leader on a stage
Warren Buffett/Rupert Murdoch/George Soros/Richard Branson = an older business leader
Jack Ma = a business leader
Kim Kardashian/Kardashian/Kylie Jenner/Kendall Jenner/Paris Hilton = a glamorous woman
Kanye West/Kanye = a rapper
Jay-Z/Eminem/Snoop Dogg/50 Cent/Kendrick Lamar/Travis Scott/Lil Nas X/Post Malone = a rapper
Nicki Minaj/Cardi B/Megan Thee Stallion = a woman rapper on a stage
Taylor Swift = a pop singer
Beyonce/Rihanna/Adele/Lady Gaga/Katy Perry/Ariana Grande/Billie Eilish/Dua Lipa = a pop singer
Selena Gomez/Miley Cyrus/Britney Spears/Jennifer Lopez/Shakira/Olivia Rodrigo = a pop singer
Sabrina Carpenter = a pop singer
Justin Bieber/Harry Styles/Ed Sheeran/Bruno Mars/The Weeknd/Shawn Mendes/Bad Bunny = a pop singer
Justin Timberlake/Chris Brown/John Legend = a singer
Michael Jackson/Elvis Presley/Freddie Mercury/David Bowie/Amy Winehouse = a singer on a stage
Whitney Houston = a singer on a stage
Mick Jagger/Paul McCartney/~Bono/Elton John/Bob Dylan/Bruce Springsteen = an older rock musician
Mariah Carey/Celine Dion/~Cher/Dolly Parton/Tina Turner = a singer in a sparkling dress
Tom Cruise/Brad Pitt/Leonardo DiCaprio/DiCaprio/Johnny Depp/Tom Hanks/George Clooney = a film actor
Robert Downey Jr/Chris Hemsworth/Chris Evans/Chris Pratt/Ryan Reynolds/Ryan Gosling = a film actor
Keanu Reeves/Will Smith/Denzel Washington/Morgan Freeman/Samuel L Jackson/Idris Elba = a film actor
Dwayne Johnson/Vin Diesel/Jason Statham/Arnold Schwarzenegger/Sylvester Stallone = a muscular film actor
Al Pacino/Robert De Niro/Clint Eastwood/Harrison Ford/Jack Nicholson/Anthony Hopkins = an older film actor
Christian Bale/Matt Damon/Ben Affleck/Hugh Jackman/Joaquin Phoenix/Timothee Chalamet = a film actor
Tom Holland = a film actor
Benedict Cumberbatch/Daniel Radcliffe/Robert Pattinson/Zac Efron/Pedro Pascal = a film actor
Cillian Murphy/Jim Carrey = a film actor
Daniel Craig/Sean Connery/Pierce Brosnan/Nicolas Cage/Adam Sandler/Jackie Chan/Bruce Lee = a film actor
Steve Carell/Rowan Atkinson/Mr Bean/Bryan Cranston/Shah Rukh Khan/Amitabh Bachchan = a film actor
Scarlett Johansson/Angelina Jolie/Jennifer Lawrence/Emma Watson/Emma Stone/Margot Robbie = a film actress
Natalie Portman/Anne Hathaway/Julia Roberts/Meryl Streep/Sandra Bullock/Nicole Kidman = a film actress
Gal Gadot/Zendaya/Jennifer Aniston/Kate Winslet/Cate Blanchett/Charlize Theron = a film actress
Megan Fox/Salma Hayek/Penelope Cruz/Halle Berry/Viola Davis/Sydney Sweeney/Ana de Armas = a film actress
Kristen Stewart/Jenna Ortega/Millie Bobby Brown/Priyanka Chopra/Marilyn Monroe = a film actress
Audrey Hepburn = a film actress
Whoopi Goldberg/Helen Mirren/Judi Dench/Maggie Smith = an older film actress
Oprah Winfrey/Oprah/Ellen DeGeneres = a television host
Jimmy Fallon/Jimmy Kimmel/Stephen Colbert/Conan O'Brien/John Oliver/Trevor Noah = a television host
Joe Rogan/Tucker Carlson/Alex Jones/Andrew Tate/Ben Shapiro/Jordan Peterson/Piers Morgan = a talk show host
Anderson Cooper/Rachel Maddow/Sean Hannity = a news presenter
Gordon Ramsay/Jamie Oliver/Martha Stewart = a television chef
David Attenborough/Bear Grylls/Steve Irwin = a nature presenter
Anthony Fauci/Dr Fauci = a doctor
Stephen Hawking/Neil deGrasse Tyson = a scientist
MrBeast/Mr Beast/PewDiePie/Logan Paul/Jake Paul/KSI = a video blogger
Lionel Messi/Messi/Cristiano Ronaldo/Ronaldo/CR7/Neymar/Kylian Mbappe/Mbappe = a football player
David Beckham/Beckham/Zinedine Zidane/Zidane/Diego Maradona/Maradona = a football player
Erling Haaland/Mohamed Salah = a football player
LeBron James/LeBron/Michael Jordan/Kobe Bryant/Stephen Curry/Shaquille O'Neal = a basketball player
Magic Johnson = a basketball player
Serena Williams/Venus Williams/Naomi Osaka/Maria Sharapova = a tennis player
Roger Federer/Federer/Rafael Nadal/Nadal/Novak Djokovic/Djokovic = a tennis player
Tom Brady/Patrick Mahomes/Travis Kelce/Aaron Rodgers/Colin Kaepernick = an American football player
Usain Bolt/Simone Biles/Michael Phelps = an athlete
Tiger Woods = a golfer
Muhammad Ali/Mike Tyson/Floyd Mayweather/Conor McGregor/Manny Pacquiao = a boxer
John Cena/Hulk Hogan = a wrestler
Lewis Hamilton/Max Verstappen/Michael Schumacher = a racing driver
Virat Kohli/Sachin Tendulkar/MS Dhoni = a cricket player
J K Rowling/JK Rowling/Stephen King/George R R Martin/Margaret Atwood/Salman Rushdie = a writer
Jeffrey Epstein/Harvey Weinstein/Bill Cosby/O J Simpson/OJ Simpson = a person in a courtroom
Ghislaine Maxwell = a person in a courtroom
Adolf Hitler/Hitler/Joseph Stalin/Stalin/Benito Mussolini/Mussolini = a historical dictator
Osama bin Laden/Saddam Hussein = a historical dictator
Mao Zedong/Fidel Castro/Che Guevara/Muammar Gaddafi = a revolutionary leader
Margaret Thatcher/Ronald Reagan/Richard Nixon/Jimmy Carter = a political leader of the past
John F Kennedy/JFK = a political leader of the past
Franklin Roosevelt/Franklin D Roosevelt/Winston Churchill/Nelson Mandela = a statesman of the past
Mikhail Gorbachev = a statesman of the past
"""

# Living (or recently living) artists, filmmakers and studios: what the manner looks like.
LIVING_ARTISTS = """
Greg Rutkowski = a dramatic fantasy oil painting
Artgerm/Stanley Lau = a polished digital portrait
WLOP = a luminous fantasy illustration
Loish/Lois van Baarle = a soft, flowing digital illustration
Ross Tran/Rossdraws = a bright, energetic digital illustration
Beeple/Mike Winkelmann = a surreal science-fiction rendering
Banksy/Blek le Rat = a stencilled street mural
KAWS/Jeff Koons/Takashi Murakami/Damien Hirst = a glossy pop-art sculpture
Yayoi Kusama = a pattern of many coloured dots
Simon Stalenhag = a quiet retro science-fiction landscape
Kilian Eng = a detailed line-art science-fiction scene
Junji Ito = an uneasy black-and-white ink drawing
Hayao Miyazaki/Studio Ghibli/Ghibli/Miyazaki/Makoto Shinkai = a hand-drawn, softly painted animation
Katsuhiro Otomo/Hirohiko Araki/Eiichiro Oda/Akira Toriyama/Naoko Takeuchi = a bold ink-lined animation
Tim Burton = a whimsical gothic film
Wes Anderson = a symmetrical, pastel-coloured film
Christopher Nolan/Denis Villeneuve/Ridley Scott/James Cameron = a large-scale cinematic film
Quentin Tarantino/Martin Scorsese/David Fincher/Guy Ritchie = a stylised crime film
Steven Spielberg/Peter Jackson/George Lucas/J J Abrams = a grand adventure film
David Lynch/Yorgos Lanthimos/Ari Aster/Wong Kar-wai = a dreamlike, moody film
Hans Zimmer/John Williams = a sweeping orchestral mood
Annie Leibovitz/Steve McCurry/Cindy Sherman/Martin Parr/Nan Goldin = a studio portrait photograph
Gregory Crewdson = a staged twilight photograph
David Hockney/Gerhard Richter/Anselm Kiefer/Peter Doig/Cecily Brown/Jenny Saville = a contemporary painting
Ai Weiwei/Olafur Eliasson/Marina Abramovic = a contemporary installation
Frank Miller/Todd McFarlane/Jim Lee/Alex Ross/Mike Mignola = a high-contrast comic drawing
John Blanche/Michael Whelan/Donato Giancola/~Brom/Gerald Brom/Boris Vallejo = a detailed fantasy painting
Tyler Edlin/Craig Mullins/Feng Zhu/Sparth/Noah Bradley = a painted concept-art landscape
James Jean/Yoji Shinkawa/Ashley Wood/Sachin Teng/Victo Ngai = a flowing ink illustration
Dan Mumford/Alena Aenami/Marc Simonetti/Peter Mohrbacher = a detailed digital illustration
Magali Villeneuve/Jeremy Mann = a detailed digital illustration
Thomas Kinkade = a cosy, glowing landscape painting
Romero Britto = a bright pattern of bold outlines
Shepard Fairey/Obey Giant = a bold street poster
Zaha Hadid/Frank Gehry/Santiago Calatrava/Norman Foster/Renzo Piano = flowing modern architecture
Bjarke Ingels = flowing modern architecture
Dr Seuss/Quentin Blake/Eric Carle/Beatrix Potter = a playful picture-book drawing
Kelly McKernan/Sarah Andersen/Karla Ortiz = a hand-drawn illustration
Tatsuki Fujimoto/Kentaro Miura = a dark ink-lined drawing
Chris Ofili/Kara Walker/Kehinde Wiley/Amy Sherald = a contemporary portrait painting
Erin Hanson/Leonid Afremov = a painting with bold, colourful strokes
Android Jones/Alex Grey = a psychedelic painting
"""

# Dead for long enough, or anonymous: their manner is nobody's living.
DECEASED_ARTISTS = """
Vincent van Gogh/van Gogh/Claude Monet/Monet/Pablo Picasso/Picasso/Rembrandt/Rembrandt van Rijn
Leonardo da Vinci/da Vinci/Michelangelo/Raphael/Caravaggio/Botticelli/Sandro Botticelli/Titian
Johannes Vermeer/Vermeer/Hieronymus Bosch/Pieter Bruegel/Bruegel/Albrecht Durer/Durer/Jan van Eyck
Gustav Klimt/Klimt/Egon Schiele/Edvard Munch/Munch/Salvador Dali/Dali/Rene Magritte/Magritte
Wassily Kandinsky/Kandinsky/Paul Klee/Piet Mondrian/Mondrian/Joan Miro/Marc Chagall/Chagall
Henri Matisse/Matisse/Paul Cezanne/Cezanne/Paul Gauguin/Gauguin/Georges Seurat/Seurat/Edgar Degas/Degas
Edouard Manet/Manet/Pierre-Auguste Renoir/Renoir/Camille Pissarro/Mary Cassatt/Berthe Morisot
Katsushika Hokusai/Hokusai/Utagawa Hiroshige/Hiroshige/Kitagawa Utamaro/Utamaro
J M W Turner/William Turner/Turner/John Constable/Caspar David Friedrich/William Blake/John Singer Sargent
Edward Hopper/Hopper/Georgia O'Keeffe/Jackson Pollock/Pollock/Mark Rothko/Rothko/Andy Warhol/Warhol
Roy Lichtenstein/Lichtenstein/Jean-Michel Basquiat/Basquiat/Keith Haring/Frida Kahlo/Diego Rivera
Norman Rockwell/Rockwell/Grant Wood/Andrew Wyeth/Winslow Homer/Thomas Cole/Albert Bierstadt/Ansel Adams
Alphonse Mucha/Mucha/Aubrey Beardsley/Gustave Dore/Dore/Arthur Rackham/Ivan Bilibin/Ivan Aivazovsky
Ivan Shishkin/Ilya Repin/Mikhail Vrubel/Kazimir Malevich/Tamara de Lempicka/M C Escher/Escher
Jamini Roy/Raja Ravi Varma/Rabindranath Tagore/Amrita Sher-Gil/Qi Baishi/Xu Beihong
Francisco Goya/Goya/Diego Velazquez/Velazquez/El Greco/Peter Paul Rubens/Rubens/Frans Hals
Jacques-Louis David/Eugene Delacroix/Delacroix/William-Adolphe Bouguereau/Bouguereau/Jean-Francois Millet
Auguste Rodin/Rodin/Bernini/Donatello/Constantin Brancusi/Alberto Giacometti/Henry Moore
Dorothea Lange/Henri Cartier-Bresson/Diane Arbus/Robert Capa/Man Ray/Helmut Newton
Alfred Hitchcock/Hitchcock/Stanley Kubrick/Kubrick/Akira Kurosawa/Kurosawa/Fritz Lang/Georges Melies
Charlie Chaplin/Buster Keaton/Andrei Tarkovsky/Tarkovsky/Ingmar Bergman/Federico Fellini/Fellini/Sergio Leone
H R Giger/Giger/Zdzislaw Beksinski/Beksinski/Frank Frazetta/Moebius/Jean Giraud/Osamu Tezuka/Satoshi Kon
Antoni Gaudi/Gaudi/Le Corbusier/Frank Lloyd Wright/Mies van der Rohe/Andrea Palladio
Lewis Carroll/Winsor McCay/Saul Bass/Syd Mead/Ralph McQuarrie/Bob Ross/Hilma af Klint/Remedios Varo
Leonora Carrington/Max Ernst/Giorgio de Chirico
Amedeo Modigliani/Modigliani/Henri Rousseau/John Everett Millais
Dante Gabriel Rossetti/John William Waterhouse/Waterhouse
Lawrence Alma-Tadema/Edward Burne-Jones/John Atkinson Grimshaw
"""

# Names the private-person rule must leave alone: long dead, invented long ago, or not a person.
HISTORIC_AND_LEGENDARY = """
Albert Einstein/Isaac Newton/Galileo Galilei/Charles Darwin/Marie Curie/Nikola Tesla/Ada Lovelace/Alan Turing
Thomas Edison/Alexander Graham Bell/Amelia Earhart/Neil Armstrong/Buzz Aldrin/Yuri Gagarin/Charles Lindbergh
William Shakespeare/Jane Austen/Charles Dickens/Mark Twain/Edgar Allan Poe/Oscar Wilde/Emily Dickinson
Ludwig van Beethoven/Johann Sebastian Bach/Frederic Chopin/Louis Armstrong/Duke Ellington/Billie Holiday
Julius Caesar/Marcus Aurelius/Alexander the Great/Genghis Khan/Marco Polo/Christopher Columbus/Joan of Arc
George Washington/Thomas Jefferson/Benjamin Franklin/Abraham Lincoln/Theodore Roosevelt/Martin Luther King
Rosa Parks/Virginia Woolf/Agatha Christie/Leo Tolstoy/Harriet Tubman
Frederick Douglass/Florence Nightingale/Helen Keller/Anne Boleyn/Mary Shelley
Sherlock Holmes/Robin Hood/King Arthur/Peter Pan/Alice Liddell/Dorian Gray/Don Juan/Captain Hook
Captain Ahab/Moby Dick/Tom Sawyer/Huckleberry Finn/Oliver Twist/Ebenezer Scrooge/Frankenstein/Mona Lisa
Santa Claus/Father Christmas/Jack Frost/Virgin Mary/John the Baptist/Saint Nicholas/Mary Magdalene
Jack Russell/Joshua Tree/Victoria Falls/Victoria Lake/Charlotte Amalie/San Diego/Martin Luther/Mary Celeste
Grace Cathedral/Douglas Fir/Florence Cathedral/Diego Garcia/Sierra Leone/Sierra Nevada/Santa Monica/Santa Fe
"""

# Brand = what stands before another noun ("sports" shoes) | what stands alone ("a sports shoe").
BRANDS = """
Nike/Adidas/Reebok/~Puma/Under Armour/New Balance/Air Jordan/Converse All Star = sports | a sports shoe
Coca-Cola/Coca Cola/~Coke/Pepsi/Pepsi-Cola/~Fanta/~Sprite/Dr Pepper = soda | a soda drink
Mountain Dew/Red Bull/Monster Energy = soda | a soda drink
Starbucks/Dunkin Donuts/Costa Coffee/Nespresso/Tim Hortons = coffee | a coffee shop
McDonald's/McDonalds/Burger King/KFC/Wendy's/Taco Bell = fast-food | a fast-food restaurant
Chick-fil-A/Five Guys/Pizza Hut/Domino's = fast-food | a fast-food restaurant
iPhone/iPad/MacBook/AirPods/iMac/Galaxy S24/Samsung/Huawei/Xiaomi/OnePlus = plain | a plain modern device
Google/Microsoft/Facebook/Instagram/TikTok/YouTube/Netflix/Twitter = online | an online service
WhatsApp/Snapchat/Spotify/OpenAI/ChatGPT = online | an online service
PlayStation/Xbox/Nintendo/Nintendo Switch/Game Boy/Sega = gaming | a games console
LEGO/Playmobil/Duplo = toy-brick | toy bricks
Barbie/Hot Wheels/Funko Pop/Beanie Baby/My Little Pony/Furby/Tamagotchi = toy | a toy
BMW/Mercedes/Mercedes-Benz/Audi/Porsche/Ferrari/Lamborghini/Bugatti/Maserati = luxury | a luxury car
Aston Martin/Rolls-Royce/Bentley/McLaren = luxury | a luxury car
Porsche 911/Ford Mustang/Chevrolet Camaro/Corvette/Tesla Model S = sporty | a sporty car
Tesla Cybertruck/Cybertruck = sporty | a sporty car
Toyota/Honda/Hyundai/Kia/Nissan/Mazda/Subaru/Volkswagen/Volvo/Chevrolet = family | a family car
Peugeot/Renault/Skoda/Fiat/Suzuki = family | a family car
Harley-Davidson/Harley Davidson/Ducati/Kawasaki/Vespa = classic | a motorbike
Boeing/Airbus/Lockheed Martin/Cessna = airliner | an airliner
Gucci/Louis Vuitton/Chanel/Prada/Versace/Dior/Balenciaga/Burberry = designer | a designer outfit
Armani/Fendi = designer | a designer outfit
Rolex/Omega Seamaster/Cartier/Tiffany & Co/Patek Philippe = elegant | an elegant watch
Zara/H&M/Uniqlo/Levi's/Levis/Tommy Hilfiger/Ralph Lauren/Lacoste = plain | plain clothes
Calvin Klein/Victoria's Secret = plain | plain clothes
Crocs/Birkenstock/Doc Martens/Dr Martens/Timberland = plain | plain shoes
IKEA/Walmart/Costco/Aldi/Lidl/Carrefour/Tesco/Best Buy/Home Depot = large | a large store
~Disneyland/Disney World/Disneyland Paris/Universal Studios/Legoland = theme-park | a theme park
Disney/Pixar/DreamWorks/Warner Bros/Looney Tunes/Hanna-Barbera/Nickelodeon = cartoon | a cartoon film
Marvel/Marvel Comics/DC Comics/Marvel Cinematic Universe = superhero | a superhero story
Star Wars/Star Trek/Doctor Who/Stranger Things/Game of Thrones/Lord of the Rings = fantasy | a fantasy story
Pokemon/Pokémon/Digimon/Dragon Ball/Naruto = cartoon | a cartoon creature
Minecraft/Fortnite/Roblox/Grand Theft Auto/GTA V/GTA 5/Call of Duty = video-game | a video game
Overwatch/World of Warcraft/Among Us = video-game | a video game
Nutella/Oreo/Oreos/KitKat/Snickers/M&M's/M&Ms/Toblerone/Haribo/Pringles/Doritos = snack | a snack
Cheetos/Heinz/Kellogg's/Nestle/Ben & Jerry's = snack | a snack
Heineken/Budweiser/Guinness/Corona Extra/Jack Daniel's/Jack Daniels = bottled | a drink
Absolut Vodka/Johnnie Walker = bottled | a drink
Marlboro/~Camel cigarettes/Lucky Strike = plain | a plain packet
FedEx/DHL/Amazon Prime/Uber/Airbnb = delivery | a delivery service
Visa card/Mastercard/American Express/PayPal = bank | a bank card
GoPro/Nikon/Sony/Leica/Polaroid/Kodak/Panasonic/Philips/Siemens/Dyson/Roomba = plain | a household device
Colgate/Neutrogena/Nivea/L'Oreal/Gillette/Old Spice/Pampers/Maybelline/Sephora = plain | a cosmetic product
"""

# Ambiguous words that are a brand only beside such a noun: "Apple laptop", not "apple".
BRANDS_BESIDE = {
    "apple": (
        "modern",
        "laptop laptops phone phones watch computer computers store logo tablet headquarters",
    ),
    "shell": ("plain", "gas petrol station logo"),
    "amazon": ("delivery", "box boxes package packages parcel van warehouse delivery logo truck"),
    "target": ("large", "store logo"),
    "tesla": ("electric", "car cars roadster truck logo model factory"),
    "ford": ("sturdy", "car truck pickup mustang focus fiesta logo"),
    "jaguar": ("luxury", "car coupe sedan logo"),
    "puma": ("sports", "shoe shoes sneaker sneakers logo shirt"),
    "dove": ("plain", "soap shampoo logo"),
    "subway": ("fast-food", "sandwich restaurant logo"),
    "windows": ("computer", "xp vista logo"),
    "meta": ("online", "logo headquarters"),
    "gap": ("plain", "hoodie logo store"),
    "canon": ("plain", "camera lens logo"),
    "corona": ("bottled", "beer bottle"),
    "visa": ("bank", "card logo"),
    "oracle": ("business", "logo"),
    "polo": ("family", "ralph"),
    "dell": ("modern", "laptop computer monitor logo"),
    "mini": ("small", "cooper"),
}

CHARACTERS = """
Mickey Mouse/Minnie Mouse/Mickey = a cheerful cartoon mouse
Donald Duck/Daffy Duck/Scrooge McDuck = a cartoon duck
~Goofy/Pluto the dog/Scooby-Doo/Scooby Doo/Snoopy = a cartoon dog
Bugs Bunny/Roger Rabbit/Judy Hopps = a cartoon rabbit
Tom and Jerry = a cartoon cat and a cartoon mouse
Garfield/Hello Kitty/Doraemon/Felix the Cat/Sylvester the Cat = a cartoon cat
Winnie the Pooh/Winnie-the-Pooh/Paddington Bear/Care Bear/Yogi Bear = a friendly cartoon bear
SpongeBob/SpongeBob SquarePants/Spongebob/Patrick Star = a cartoon sea creature
Homer Simpson/Bart Simpson/Marge Simpson/Lisa Simpson/The Simpsons/Simpsons = a cartoon family
Peter Griffin/Family Guy/Rick and Morty/South Park/Eric Cartman/Beavis and Butt-Head = a cartoon character
Shrek = a friendly ogre
~Minion/~Minions/Despicable Me = small yellow cartoon helpers
Buzz Lightyear = a toy astronaut
Sheriff Woody/Toy Story = a toy cowboy
Lightning McQueen/Thomas the Tank Engine = a cartoon vehicle with a face
Elsa from Frozen/Queen Elsa/Princess Elsa/Anna and Elsa = a princess of ice
Cinderella castle/Princess Jasmine/Princess Ariel/Rapunzel from Tangled/Moana = a storybook princess
Simba/Mufasa/Lion King/The Lion King = a young lion of the savanna
Finding Nemo/Nemo the fish/Dory the fish = an orange reef fish
Olaf the snowman/Frosty the Snowman = a friendly snowman
Tinker Bell/Tinkerbell = a small fairy
Maleficent/Ursula the sea witch/Cruella de Vil/Wicked Witch of the West = a sorceress
Spider-Man/Spiderman/Spider Man/Miles Morales/Peter Parker = a masked acrobat hero
Batman/Bruce Wayne/Dark Knight = a masked night hero
Superman/Clark Kent/Captain America/Captain Marvel/Wonder Woman/Supergirl/Shazam = a caped hero
Iron Man/Ironman/Tony Stark = a hero in metal armour
Incredible Hulk/The Hulk/~Hulk = a huge green giant
Black Panther hero/Black Widow hero/Wolverine/Deadpool/Doctor Strange/Ant-Man = a masked hero
Daredevil/X-Men = a masked hero
~Thor/Loki of Asgard/~Aquaman/Aquaman/The Flash hero/Green Lantern/Catwoman/Harley Quinn = a costumed hero
The Joker/~Joker/Thanos/Magneto/Lex Luthor/Venom symbiote = a theatrical villain
The Avengers/Justice League/Guardians of the Galaxy/Fantastic Four = a team of heroes
Darth Vader/Kylo Ren/Stormtrooper/Stormtroopers/Boba Fett = a warrior in black armour
Luke Skywalker/Han Solo/Obi-Wan Kenobi/Princess Leia/Jedi knight/Jedi = a space knight
Yoda/Baby Yoda/Grogu/The Mandalorian/Chewbacca/Ewok = a small alien with large ears
R2-D2/R2D2/C-3PO/BB-8/WALL-E/Wall-E/Optimus Prime/Bumblebee Transformer/~Transformers = a friendly robot
Harry Potter/Hermione Granger/Ron Weasley/Dumbledore/Voldemort/Hogwarts = a student of magic
Gandalf/Saruman = an old wizard
Frodo/Frodo Baggins/Bilbo Baggins/Gollum/Legolas/Aragorn/Samwise Gamgee = a fantasy traveller
Jon Snow/Daenerys/Daenerys Targaryen = a warrior of the north
James Bond/Jason Bourne/John Wick/Ethan Hunt/Indiana Jones/Lara Croft = an adventurer
Katniss Everdeen/Katniss/Eleven from Stranger Things/Wednesday Addams = a young heroine
Jack Skellington/Beetlejuice/Edward Scissorhands/Freddy Krueger/Michael Myers = a spooky figure
Pennywise/Chucky doll = a spooky figure
Super Mario/Mario and Luigi/Luigi/Mario Kart/Princess Peach/Bowser/Yoshi = a jumping game hero
Sonic the Hedgehog/~Sonic/Tails the fox = a fast blue hedgehog
Pikachu/Charizard/Bulbasaur/Squirtle/Charmander/Eevee/Mewtwo/Snorlax/Jigglypuff = a small cartoon creature
Pac-Man/Pacman/Donkey Kong/Kirby/Zelda/Princess Zelda/Samus Aran/Master Chief = a video-game hero
Kratos/Crash Bandicoot = a video-game hero
Goku/Vegeta/Naruto Uzumaki/Sasuke/Luffy/Monkey D Luffy/Sailor Moon/Levi Ackerman = an animation hero
Totoro/Ash Ketchum = an animation hero
Godzilla/Mothra = a giant sea monster
King Kong = a giant ape
The Terminator/~Terminator/Predator alien/Xenomorph/RoboCop/Robocop = a menacing machine
The Grinch/Grinch/Cat in the Hat/The Lorax = a furry storybook creature
Kermit/Kermit the Frog/Miss Piggy/The Muppets/Muppets/Elmo/Big Bird/Cookie Monster = a hand puppet
Sesame Street = a hand puppet
Peppa Pig = a cartoon pig
Paw Patrol/Teletubbies/Bluey/Cocomelon/Dora the Explorer/Powerpuff Girls = cartoon friends
Teenage Mutant Ninja Turtles/Ninja Turtles = cartoon friends
The Smurfs/Smurf/Smurfs/Na'vi/Navi from Avatar = small blue people
Popeye/Betty Boop/Fred Flintstone/The Flintstones/Inspector Gadget = a classic cartoon figure
Pink Panther cartoon = a classic cartoon figure
Ronald McDonald/Colonel Sanders/Michelin Man/Tony the Tiger/Mr Peanut/Kool-Aid Man = an advertising mascot
Forrest Gump/Captain Jack Sparrow/Jack Sparrow/Willy Wonka/Mary Poppins = a film character
Marty McFly/Doc Brown/Walter White/Tyler Durden = a film character
"""

# Given names for the private-person rule, with the word that replaces the whole name.
WOMEN = (
    "Aisha Alice Alicia Amanda Amina Amy Ana Andrea "
    "Angela Anita Anna Anne Annika Aria Astrid Barbara Beatrice "
    "Bianca Brenda Bridget Camila Carla Carmen Carol "
    "Caroline Catherine Cecilia Chiara Chloe Christina Claire Clara "
    "Claudia Cynthia Daniela Deborah Denise Diana Divya Donna "
    "Dorothy Eleanor Elena Elisa Elizabeth Ella Ellen Emily "
    "Emma Esther Eva Evelyn Farah Fatima Fiona Francesca Gabriela Gemma Gloria Greta Hana Hannah Heather "
    "Helen Helena Ines Ingrid Irene Isabel Isabella Jana "
    "Jane Janet Jasmine Jenna Jennifer Jenny Jessica Joanna "
    "Johanna Joyce Judith Julia Julie Karen Karin Kate "
    "Katherine Kathleen Katja Kelly Kim Kristin Laura Lauren Layla "
    "Leila Lena Lina Linda Lisa Louise Lucia Lucy Luisa "
    "Magdalena Margaret Maria Mariam Marie Marina Marta Martha Mary "
    "Maya Megan Mei Melanie Melissa Mia Michelle Miriam Monica "
    "Nadia Nancy Natalia Natasha Nicole Nina Noor Nora Olga "
    "Olivia Pamela Patricia Paula Petra Priya Rachel Rebecca "
    "Renata Ruth Sabine Samantha Sandra Sara Sarah Selin Sharon "
    "Shreya Silvia Simone Sofia Sonia Sophia Sophie Stella "
    "Stephanie Susan Svetlana Sylvia Tamara Tanya Teresa Theresa "
    "Tina Ursula Valentina Valerie Vanessa Vera Veronica "
    "Victoria Virginia Wendy Yasmin Yuki Yvonne Zainab Zoe"
)
MEN = (
    "Aaron Abdul Adam Adrian Ahmed Ahmad Alan Albert "
    "Alejandro Alexander Alexei Ali Amir Anders Andre Andrew Anthony "
    "Antonio Arjun Arthur Benjamin Bernd Bernard Bilal Boris "
    "Brandon Brian Bruce Bruno Carl Carlos Cesar Charles "
    "Christian Christopher Craig Damian Daniel Darren Dave David "
    "Dennis Derek Diego Dieter Dimitri Dmitri Donald Douglas Dylan "
    "Eduardo Edward Emil Emilio Eric Erik Ethan Eugene "
    "Felipe Felix Fernando Francesco Francis Francisco Frank Fred "
    "Gabriel Gary Gavin Geoffrey George Gerald Giovanni Giuseppe "
    "Greg Gregory Gustavo Hamid Hans Harold Hassan Hector "
    "Henrik Henry Hiroshi Howard Hugo Hussein Ian Ibrahim Igor "
    "Ivan Jacob Jakob James Jamal Jan Jason Javier Jeff Jeffrey "
    "Jeremy Jerome Joel Johan John Jonas Jonathan Jordan Jorge "
    "Jose Joseph Joshua Juan Julian Jurgen Justin Karl Keith "
    "Kenji Kenneth Kevin Khalid Klaus Kyle Lars Larry Lawrence "
    "Leonard Liam Logan Louis Luca Lucas Luis Lukas Magnus "
    "Manuel Marcel Marco Marcus Mario Marius Mark Martin "
    "Mateo Matteo Matthew Matthias Mehmet Michael Miguel Mikhail "
    "Mohamed Mohammed Muhammad Mustafa Nathan Neil Nicholas Nicolas "
    "Nikolai Noah Oleg Oliver Omar Oscar Otto Pablo "
    "Patrick Paul Pavel Pedro Peter Philip Philippe Pierre "
    "Rafael Rahul Raj Rajesh Ralph Raymond Ricardo Richard Robert "
    "Roberto Rodrigo Roger Roland Roman Ronald Ruben Rudolf "
    "Russell Ryan Samir Samuel Sanjay Scott Sean Sebastian Sergei "
    "Sergio Simon Stefan Stephen Steve Steven Stuart Sven Takeshi "
    "Theodore Thomas Tim Timothy Tobias Todd Tom Tomas Tony "
    "Tyler Uwe Victor Viktor Vincent Vikram Vladimir Walter Wei Wolfgang William Yusuf Zachary"
)
UNGENDERED = (
    "Alex Ashley Avery Casey Charlie Chris Jamie Jesse Jordan "
    "Lee Morgan Pat Riley Robin Sam Sasha Taylor Terry"
)
