# Makes labelled sentences about invented companies:  awk -f examples/companies/make.awk
# A pattern names its two companies %A and %B, and a row draws the companies, an opening and an ending. The same seed draws the same rows.
# The last two patterns of a label go to the test file only (-v part=test), so that a score there is one on sentences of new make.

function draw(n) { seed = (seed * 16807) % 2147483647; return seed % n }

# Every text is used before one is used again.
function next_of(list, n,    at, kept) {
    if (left[list] < 1) {
        for (at = 1; at <= n; at++) deck[list, at] = at
        left[list] = n
    }
    at = draw(left[list]) + 1
    kept = deck[list, at]
    deck[list, at] = deck[list, left[list]--]
    return kept
}

function add(name, patterns,    parts, n, at) {
    labels[++label_count] = name
    n = split(patterns, parts, "|")
    for (at = 1; at <= n; at++) pattern[name, at] = parts[at]
    pattern_count[name] = n
}

function write_row(name, first, last,    text, a, b) {
    do {
        text = pattern[name, first + next_of(name first, last - first + 1) - 1]
        a = company[next_of("company", company_count)]
        do b = company[next_of("company", company_count)]; while (b == a)
        text = opening[next_of("opening", opening_count)] text ending[next_of("ending", ending_count)]
        gsub(/%A/, "<e1>" a "</e1>", text)
        gsub(/%B/, "<e2>" b "</e2>", text)
    } while (text in seen)
    seen[text]
    print name "\t" text
}

BEGIN {
    seed = part == "test" ? 11 : 7
    rows = part == "test" ? 10 : 36
    company_count = split("Alder Row Foods|Amberlyn Glass|Bramwick Steel|Brackenford Tools|Cinderhall Bank|Copperlea Circuits|Dovetide Shipping|" \
        "Dunmarrow Spirits|Eastmere Optics|Elmsworthy Homes|Fallowtree Games|Fernlock Software|Gallowmere Textiles|Greyminster Capital|Harrowfin Motors|" \
        "Hollowpine Timber|Ivoryfen Dental|Jadecombe Toys|Juniper Quay|Kestrelby Air|Kilnstone Ceramics|Lanternbeck Energy|Larkenden Bikes|Marrowby Mills|" \
        "Mossgate Pharma|Northwisp Tyres|Orchardell Juice|Pellmarsh Paper|Pikelow Marine|Quarryvale Cement|Quillhaven Media|Ravensmoot Security|" \
        "Rookstead Robotics|Saltmoor Fisheries|Silverbourne Watches|Tallowgate Candles|Thistlecombe Dairy|Umberlund Chemicals|Underhay Farms|" \
        "Vellbridge Insurance|Violetstead Cosmetics|Willowmark Paints|Wrenfield Rail|Yarrowdene Seeds|Yewhurst Clinics|Zephyrholt Wind", company, "|")
    opening_count = split("|In March, |Last week, |According to a filing, |As the papers wrote, |Without much noise, |It is confirmed: |Since January, |" \
        "To the surprise of analysts, |After a long summer, ", opening, "|")
    ending_count = split(".|, the board said.|, a spokeswoman confirmed on Friday.|, and shareholders took note.|, as expected.|; nobody gave details.|" \
        ", two insiders said.|, the town's paper reports.", ending, "|")

    add("acquired", "%A bought all shares of %B|%A has taken over %B|%A completed its takeover of %B|%B was bought by %A|%B now belongs to %A, which paid in cash|" \
        "%A swallowed its smaller neighbour %B|the purchase of %B by %A was approved|%A paid a high price for the whole of %B|%A completed the purchase of %B|%B was taken over by %A")
    add("competitor of", "%A and %B fight for the same customers|%A lost customers to its rival %B|%A cut its prices to keep up with %B|%B is the fiercest rival of %A|" \
        "%A wants to overtake %B in every market|%A copied the best seller of %B|both %A and %B bid for the same contract|%A is trying to win customers from %B|" \
        "%A sees %B as its strongest rival|%B and %A fight for every customer")
    add("supplier of", "%A delivers parts to %B|%A supplies %B with raw material|%B buys its packaging from %A|%B depends on deliveries from %A|" \
        "%A ships two tons a day to %B|%B ordered a thousand crates from %A|%A won an order to equip the plants of %B|the factories of %B wait for deliveries from %A|" \
        "%A supplies the factories of %B|%B orders its parts from %A")
    add("subsidiary of", "%A is a wholly owned subsidiary of %B|%A is a daughter company of %B|%A belongs to the group of %B|%B is the parent company of %A|" \
        "%A was founded as a unit of %B|%A reports to its parent %B|%B runs its online business through its unit %A|the accounts of %A are part of those of its parent %B|" \
        "%A is a unit of %B|%B is the parent of %A, which it founded")
    add("partner of", "%A and %B will build a plant together|%A and %B signed a cooperation agreement|%A works with %B on a new product|%A and %B share their laboratories|" \
        "%A joined forces with %B|%B and %A founded a joint venture|%A develops software together with %B|%A and %B agreed to cooperate for five years|" \
        "%A and %B work together on a prototype|%B signed an agreement to cooperate with %A")
    add("invested in", "%A put ten million into %B|%A led the latest funding round of %B|%A took a minority stake in %B|%B raised fresh capital from %A|" \
        "%A bought five percent of %B|%A gave %B money for its growth|%B found in %A an investor for its expansion|%A doubled its minority stake in %B|" \
        "%A put fresh capital into %B|%B sold a minority stake to %A")
    add("sued", "%A took %B to court over a patent|%A sued %B for breach of contract|%A filed a lawsuit against %B|%B has to answer a lawsuit by %A|" \
        "%A demands damages from %B before a judge|the court heard the claim of %A against %B|%A accuses %B in court of stealing designs|%B was sued by %A|" \
        "%A filed a claim for damages against %B|a judge heard the lawsuit of %A against %B")
    add("none", "%A and %B both published their figures|shares of %A rose while those of %B fell|%A moved to the harbour and %B to the hills|" \
        "the fair was visited by %A and many others, among them %B|%A hired a new cook, %B a new gardener|%A turned forty and %B turned nine|" \
        "the list names %A in third place and %B in thirtieth|%A closed early because of snow, as did %B|" \
        "figures of %A and of %B were published on one day|%A painted its offices green, %B its gates")

    print "label\tcontent"
    for (row = 1; row <= rows; row++) {
        for (at = 1; at <= label_count; at++) {
            name = labels[at]
            if (part == "test") write_row(name, row % 2 ? pattern_count[name] - 1 : 1, row % 2 ? pattern_count[name] : pattern_count[name] - 2)
            else write_row(name, 1, pattern_count[name] - 2)
        }
    }
}
