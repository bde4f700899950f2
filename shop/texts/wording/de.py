"""German."""

from __future__ import annotations

from scoring.types import ReasonKind
from shop.texts.wording.wording import Wording

GERMAN = Wording(
    language="de",
    units={
        "times": {"=2": "zweimal", "other": "{n}-mal"},
        "shoppers_have": {"one": "{n} Person hat", "other": "{n} Personen haben"},
        "orders": {"one": "{n} Bestellung", "other": "{n} Bestellungen"},
        "rhythm": {"=1": "jeden Tag", "other": "etwa alle {n} Tage"},
        "days_ago": {"=0": "vor Kurzem", "one": "vor {n} Tag", "other": "vor {n} Tagen"},
        "weeks_ago": {"=1": "vor etwa einer Woche", "other": "vor etwa {n} Wochen"},
        "months_ago": {"=1": "vor etwa einem Monat", "other": "vor etwa {n} Monaten"},
        "years_ago": {"=1": "vor etwa einem Jahr", "other": "vor etwa {n} Jahren"},
        "soon": {"other": "Vielleicht ist es wieder so weit"},
    },
    reasons={
        ReasonKind.BOUGHT_TOGETHER: (
            "Passt zu „{partner}“: {shoppers_have} beides zusammen gekauft.",
            "{shoppers_have} es zusammen mit „{partner}“ gekauft.",
            "Dazu passt „{partner}“: {shoppers_have} beides in einen Warenkorb gelegt.",
            "Ein Begleiter für „{partner}“: {shoppers_have} beides zusammen gekauft.",
            "Passt zu „{partner}“, wie die Warenkörbe anderer zeigen.",
        ),
        ReasonKind.SIMILAR_TO: (
            "Ähnlich wie „{partner}“.",
            "Von ähnlicher Art wie „{partner}“.",
            "Ganz ähnlich wie „{partner}“.",
            "Eine Alternative zu „{partner}“.",
        ),
        ReasonKind.SAME_CATEGORY: (
            "In {label} haben Sie schon {times} eingekauft.",
            "Aus dem Bereich {label}, in dem Sie schon {times} gekauft haben.",
            "Sie kaufen in {label} ein: bisher {times}.",
            "Aus dem Bereich {label}, in dem Sie schon gekauft haben.",
            "Sie haben schon in {label} eingekauft.",
        ),
        ReasonKind.SAME_BRAND: (
            "Die Marke {label} haben Sie schon {times} gekauft.",
            "Von {label}, einer Marke, die Sie {times} gekauft haben.",
            "Noch etwas von {label}: Die Marke haben Sie {times} gekauft.",
            "Von {label}, einer Marke, die Sie schon gekauft haben.",
            "Noch etwas von {label}, das Sie schon gekauft haben.",
        ),
        ReasonKind.SHOPPERS_LIKE_YOU: (
            "Wer ähnlich einkauft wie Sie, kauft es; insgesamt {shoppers_have} es gekauft.",
            "Beliebt bei Menschen mit ähnlichem Warenkorb: Insgesamt {shoppers_have} es gekauft.",
            "Menschen mit einem Geschmack wie Ihrem kaufen es, insgesamt {shoppers_have} es gekauft.",
            "Wer ähnlich einkauft wie Sie, kauft es.",
        ),
        ReasonKind.TRENDING: (
            "Gerade gefragt: Es verkauft sich besser als sonst.",
            "Im Moment kaufen es mehr Menschen als sonst.",
            "Im Kommen: Es verkauft sich zurzeit besser als sonst.",
            "Verkauft sich gerade besser als sonst.",
        ),
        ReasonKind.POPULAR: (
            "{shoppers_have} es gekauft.",
            "Beliebt in diesem Shop: {shoppers_have} es gekauft.",
            "Hier gern gekauft: {shoppers_have} es schon mitgenommen.",
            "Gern gewählt: {shoppers_have} es gekauft.",
            "Beliebt in diesem Shop.",
        ),
        ReasonKind.BUY_AGAIN: (
            "Sie haben es {times} gekauft, zuletzt {ago}.",
            "Sie kennen es: {times} gekauft, zuletzt {ago}.",
            "Schon {times} gekauft, das letzte Mal {ago}.",
            "Sie haben es schon {times} gekauft.",
            "Sie haben es {ago} gekauft.",
            "Sie kennen es: Sie haben es {ago} gekauft.",
            "Sie haben es schon gekauft.",
        ),
        ReasonKind.DUE_AGAIN: (
            "{soon}: Sie kaufen es sonst {rhythm}.",
            "Sie kaufen es sonst {rhythm}.",
            "Sie kaufen es regelmäßig.",
        ),
        ReasonKind.RECENTLY_VIEWED: (
            "Sie haben es {ago} angesehen.",
            "Noch interessiert? Sie haben es {ago} angesehen.",
            "Das haben Sie {ago} angesehen.",
            "Sie haben es kürzlich angesehen.",
        ),
        ReasonKind.STATED_TASTE: (
            "Sie haben uns gesagt, dass Sie {label} mögen.",
            "Für Ihre Vorliebe für {label}.",
            "Weil Sie uns gesagt haben, dass Sie {label} mögen.",
        ),
        ReasonKind.EXPLORATION: (
            "Etwas Neues zum Entdecken: Sagen Sie uns, ob es Ihnen liegt.",
            "Damit lernen wir Ihren Geschmack kennen.",
            "Ein kleiner Versuch: Wir möchten wissen, ob es etwas für Sie ist.",
        ),
        ReasonKind.PROMOTED: (
            "Eine Auswahl unseres Shops.",
            "Unser Shop hat es hier für Sie hingestellt.",
            "Vom Shop selbst empfohlen.",
        ),
        ReasonKind.CATALOGUE: (
            "Aus unserem Sortiment, Bereich {label}.",
            "Aus unserem Sortiment in {label}.",
            "Aus unserem Sortiment.",
        ),
    },
    opening="Für diese Liste ausgewählt.",
    closings=(
        "Von {brand}, in {category}.",
        "Sie finden es in {category}, von {brand}.",
        "Sie finden es in {category}, in der Größe {size}.",
        "Von {brand}, in der Größe {size}.",
        "Sie finden es in {category}.",
        "Von {brand}.",
        "Die Größe ist {size}.",
    ),
    insights=(
        "Sie kommen am häufigsten für {categories} wieder, wählen oft {brand} und zahlen etwa {price} je Artikel.",
        "Sie kommen am häufigsten für {categories} wieder und zahlen etwa {price} je Artikel.",
        "Sie kommen am häufigsten für {categories} wieder und wählen oft {brand}.",
        "Sie kommen am häufigsten für {categories} wieder.",
        "Sie haben uns gesagt, dass Sie {tastes} mögen.",
        "Wir haben von Ihren Einkäufen noch zu wenig gesehen, um zu sagen, was Sie mögen.",
    ),
)
