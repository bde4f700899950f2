"""German."""

from __future__ import annotations

from workers.llm.lexicon.lexicon import Claim, Lexicon, Unit

_YOU = r"(?<!wie )\b(?:Sie|du)\b[^.!?;:,]{0,60}?"

GERMAN = Lexicon(
    language="de",
    function_words=frozenset(
        "der die das und ist sie ihnen ihr ihre ihrem mit dieses dieser diese wurde wurden für von auch ein eine einen "
        "einem nicht im oft zu zum zur haben hat schon wer wie auf aus dem den sich gehört passt etwas hier zusammen".split()
    ),
    numbers={
        "ein": 1, "eins": 1, "zwei": 2, "doppelt": 2, "doppelte": 2, "doppelten": 2, "verdoppelt": 2, "drei": 3,
        "verdreifacht": 3, "vier": 4, "fünf": 5, "sechs": 6, "sieben": 7, "acht": 8, "neun": 9, "zehn": 10, "elf": 11,
        "zwölf": 12, "dutzend": 12, "dutzende": 12, "dutzenden": 12, "dreizehn": 13, "vierzehn": 14, "fünfzehn": 15,
        "sechzehn": 16, "siebzehn": 17, "achtzehn": 18, "neunzehn": 19, "zwanzig": 20, "dreißig": 30, "vierzig": 40,
        "fünfzig": 50, "sechzig": 60, "siebzig": 70, "achtzig": 80, "neunzig": 90, "hundert": 100, "hunderte": 100,
        "hunderten": 100, "tausend": 1000, "tausende": 1000, "tausenden": 1000, "million": 1_000_000,
        "millionen": 1_000_000, "hälfte": 0.5, "halb": 0.5,
    },
    ambiguous=frozenset({"ein", "eins", "zwei", "einmal", "einfach", "einfache", "einfachen", "einfacher", "einmalig"}),
    compounds=True,
    capital_nouns=True,
    units={
        Unit.PEOPLE: r"Person(?:en)?|Kund\w+|Käufer\w*|Menschen|Leute|Haushalte",
        Unit.DAYS: r"Tag(?:e|en)?",
        Unit.WEEKS: r"Wochen?",
        Unit.MONTHS: r"Monat(?:e|en)?",
        Unit.YEARS: r"Jahr(?:e|en)?",
    },
    claims={
        Claim.BOUGHT: (
            rf"{_YOU}\b(?:gekauft|bestellt|erworben|eingekauft)\b|(?<!wie )\b(?:Sie|du) (?:kauf(?:en|st|ten|test)|bestell(?:en|st|ten)|kenn(?:en|st))\b"
            r"|\b(?:kauften|bestellten|kaufen|kaufst) (?:Sie|du)\b|\b(?:Ihr\w*|dein\w*) Einkäufen?\b"
            r"|\b(?:Ihr\w*|dein\w*) (?:\w+e[nrs]? )?(?:Bestellung\w*|Käufe\w*|Kauf\w*|Einkauf)\b"
            r"|\bin (?:Ihrem|deinem) (?:Warenkorb|Einkaufswagen)\b|(?:^|[.!] )schon \S+ gekauft\b"
        ),
        Claim.VIEWED: rf"{_YOU}\b(?:angesehen|angeschaut|betrachtet|besucht|aufgerufen|gesehen|einen Blick)\b",
        Claim.LIKED: rf"{_YOU}\b(?:gemocht|geliebt|genossen)\b|\b(?:Ihnen|dir) (?:\S+ ){{0,2}}gefallen hat|\bhat (?:Ihnen|dir) gefallen",
        Claim.ACTED: (
            rf"{_YOU}\b(?:geklickt|angeklickt|gesucht|bewertet|gespeichert|gemerkt|hinzugefügt)\b"
            r"|\b(?:Ihr\w*|dein\w*) (?:Merkliste|Favoriten|Suchen?|Wunschzettel|Wunschliste)\b"
        ),
        Claim.STATED: rf"{_YOU}\b(?:gesagt|genannt|angegeben|mitgeteilt|erwähnt)\b",
        Claim.TREND: r"\b(?:Trend\w*|angesagt\w*|im Kommen|als sonst)\b",
        Claim.POPULAR: r"\b(?:beliebt\w*|gefragt\w*|Liebling\w*|Favorit\w*|Verkaufsschlager\w*)\b",
        Claim.OFTEN: r"\b(?:oft|öfter|häufig\w*|immer wieder|ständig)\b",
        Claim.USUAL: r"\b(?:regelmäßig\w*|meist(?:ens)?|in der Regel|üblicherweise|gewöhnlich|(?<!als )normalerweise|gewohnheitsmäßig)\b",
        Claim.LIKE_YOU: (
            r"\b(?:Kund\w+|Personen|Menschen|Leute|Käufer\w*)(?: \S+){0,4} wie (?:Sie|du)\b|\bähnlich einkauf\w+"
            r"|\bähnliche[mnr] (?:Gewohnheiten|Geschmack|Warenk\w+)\b|\bwie Ihre[mnr]?\b|\bIhrem ähneln\b|\bähnliche (?:Kund\w+|Käufer\w*)"
        ),
        Claim.OTHERS: (
            r"(?<!für alle )\b(?:Kunden|Kundinnen|Käufer\w*|Personen|Menschen|Leute|Haushalte|Familien|Nachbarn|Freunde|Fans|viele (?:haben|kaufen|kauften|mögen|lieben|nehmen)|Andere kennen|andere kaufen"
            r"|alle lieben|jeder liebt)\b"
        ),
        Claim.SHOP_CHOICE: (
            r"\b(?:Shop|Laden|Händler)\b(?: \S+){0,7} (?:gewählt|ausgewählt|platziert|ausgesucht|gesetzt)\b"
            r"|\b(?:Auswahl|Wahl) des (?:Shops|Ladens|Händlers)\b|\bvo[mn] (?:unserem )?(?:Shop|Laden|Händler) (?:\S+ )?(?:gewählt|ausgewählt|platziert|empfohlen)"
        ),
        Claim.PERSONAL: (
            r"\bfür (?:Sie|dich) (?:ausgewählt|gemacht|ausgesucht|gewählt|perfekt|ideal)\b"
            r"|\b(?:genau|perfekt|ideal|gemacht|richtig) für (?:Sie|dich)\b"
            r"|\b(?:Ihr\w*|dein\w*) (?:Geschmack|Stil|Gewohnheiten|Vorlieben?|Interessen|Bedürfnisse\w*)\b"
            r"|\b(?:Sie|du) (?:mögen|magst|lieben|liebst|bevorzugen|bevorzugst|werden|wirst)\b|\bmögen Sie\b"
            r"|\b(?:gefällt|schmeckt) (?:Ihnen|dir)\b|\b(?:Ihnen|dir) (?:\S+ )?(?:gefallen|schmecken)\b"
        ),
    },
)  # fmt: skip
