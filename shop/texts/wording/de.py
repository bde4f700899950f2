"""German."""

from __future__ import annotations

from scoring.types import ReasonKind
from shop.texts.wording.wording import Wording

GERMAN = Wording(
    language="de",
    units={
        "times": {"=1": "einmal", "=2": "zweimal", "other": "{n}-mal"},
        "shoppers_have": {"one": "{n} Person hat", "other": "{n} Personen haben"},
        "purchases": {"one": "{n} Kauf", "other": "{n} Käufe"},
        "orders": {"one": "{n} Bestellung", "other": "{n} Bestellungen"},
        "rhythm": {"=1": "jeden Tag", "other": "etwa alle {n} Tage"},
        "days_ago": {"=0": "vor weniger als einem Tag", "one": "vor {n} Tag", "other": "vor {n} Tagen"},
        "weeks_ago": {"=1": "vor etwa einer Woche", "other": "vor etwa {n} Wochen"},
        "months_ago": {"=1": "vor etwa einem Monat", "other": "vor etwa {n} Monaten"},
        "years_ago": {"=1": "vor etwa einem Jahr", "other": "vor etwa {n} Jahren"},
    },
    reasons={
        ReasonKind.BOUGHT_TOGETHER: (
            "Wer „{partner}“ kaufte, nahm oft auch das hier mit: {times}, also {factor}-mal so oft wie durch Zufall.",
            "Es passt zu „{partner}“: Beides wurde {times} zusammen gekauft, {factor}-mal so oft wie durch Zufall.",
            "„{partner}“ und dieses Produkt wurden {times} zusammen gekauft, {factor}-mal so oft wie durch Zufall.",
            "Wer „{partner}“ kaufte, griff {factor}-mal so oft wie andere auch hier zu.",
            "Wer „{partner}“ kaufte, nahm auch das hier mit: Beides wurde {times} zusammen gekauft.",
            "„{partner}“ und dieses Produkt wurden {times} zusammen gekauft.",
            "Wer „{partner}“ kaufte, kaufte auch dieses Produkt.",
        ),
        ReasonKind.SIMILAR_TO: (
            "Es ähnelt „{partner}“: Nach dem, was wir von beiden wissen, stimmen sie zu {percent} überein.",
            "Es ist von ähnlicher Art wie „{partner}“, mit einer Übereinstimmung von {percent}.",
            "Es hat vieles mit „{partner}“ gemeinsam; die Produktangaben stimmen zu {percent} überein.",
            "Es ähnelt „{partner}“.",
        ),
        ReasonKind.SAME_CATEGORY: (
            "Aus {label} haben Sie schon {times} gekauft.",
            "{label} ist ein Bereich, den Sie kennen: Dort haben Sie {times} gekauft.",
            "Sie haben {times} etwas aus {label} gewählt, und auch dieses Produkt gehört dazu.",
            "Es gehört zu {label}, worauf Ihre Einkäufe hindeuten.",
        ),
        ReasonKind.SAME_BRAND: (
            "Sie haben {label} schon {times} gekauft, und dieses Produkt ist von derselben Marke.",
            "{label} ist eine Marke, die Sie kennen: Sie haben sie {times} gekauft.",
            "Es ist von {label}; diese Marke haben Sie {times} gekauft.",
            "Es ist von {label}, einer Marke, auf die Ihre Einkäufe hindeuten.",
        ),
        ReasonKind.SHOPPERS_LIKE_YOU: (
            "Kunden mit ähnlichen Gewohnheiten wie Sie kaufen es; insgesamt {shoppers_have} es gekauft.",
            "Es ist eine Wahl von Kunden, deren Warenkörbe Ihrem ähneln, und insgesamt {shoppers_have} es gekauft.",
            "Wer ähnlich einkauft wie Sie, nimmt es mit, und insgesamt {shoppers_have} es gekauft.",
            "Kunden mit ähnlichen Gewohnheiten wie Sie kaufen es.",
        ),
        ReasonKind.TRENDING: (
            "Es ist gerade gefragt: mit dem {factor}-Fachen seiner üblichen Nachfrage.",
            "Die Nachfrage ist in letzter Zeit auf das {factor}-Fache des Üblichen gestiegen.",
            "Es liegt im Trend, beim {factor}-Fachen seines üblichen Absatzes.",
            "Es liegt im Shop gerade im Trend.",
        ),
        ReasonKind.POPULAR: (
            "Es ist hier beliebt: {shoppers_have} es gekauft.",
            "{shoppers_have} es gekauft, damit gehört es zu den beliebten Produkten im Shop.",
            "Andere kennen es schon: {shoppers_have} es gekauft.",
            "Es gehört zu den beliebten Produkten im Shop.",
        ),
        ReasonKind.BUY_AGAIN: (
            "Sie haben es {times} gekauft, zuletzt {ago}.",
            "Es lag schon {times} in Ihrem Warenkorb, zuletzt {ago}.",
            "Sie kennen es: Sie haben es {times} gekauft, zuletzt {ago}.",
            "Sie haben es schon {times} gekauft.",
            "Sie haben es {ago} gekauft.",
            "Sie haben es schon gekauft.",
        ),
        ReasonKind.DUE_AGAIN: (
            "Sie kaufen es {rhythm}.",
            "Sie kaufen es immer wieder.",
        ),
        ReasonKind.RECENTLY_VIEWED: (
            "Sie haben es {ago} angesehen.",
            "Sie haben es sich {ago} angesehen, darum ist es wieder hier.",
            "Es gehört zu den Produkten, die Sie angesehen haben, und zwar {ago}.",
            "Sie haben es vor Kurzem angesehen.",
        ),
        ReasonKind.STATED_TASTE: (
            "Sie haben uns gesagt, dass Sie {label} mögen, und das hier passt dazu.",
            "Es passt zu Ihrer Vorliebe für {label}, die Sie selbst genannt haben.",
            "Sie haben {label} als Vorliebe genannt, und dieses Produkt gehört dazu.",
        ),
        ReasonKind.EXPLORATION: (
            "Es ist ein Versuch, damit Ihre Liste lernt, was Ihnen liegt: Die Chance, hier zu stehen, war {percent}.",
            "Das ist eine Idee, über die Sie urteilen können, gezogen mit einer Chance von {percent}.",
            "Es ist ein Versuch: Mit einer Chance von {percent} wurde es gezogen, um zu sehen, ob es Ihnen liegt.",
            "Es ist ein Versuch, damit Ihre Liste lernt, was Ihnen liegt.",
        ),
        ReasonKind.PROMOTED: (
            "Der Shop hat dieses Produkt für diesen Platz gewählt.",
            "Das ist eine Auswahl des Shops.",
            "Der Shop hat es selbst hier platziert.",
        ),
    },
    opening="Es ist eines der Produkte, die diese Liste gewählt hat.",
    closings=(
        "Die Marke ist {brand}, und Sie finden es unter {category}.",
        "Sie finden es unter {category}, in der Größe {size}.",
        "Die Größe ist {size}, auf dem Etikett steht {brand}.",
        "Sie finden es unter {category}.",
        "Die Größe ist {size}.",
        "Die Marke ist {brand}.",
        "Auf der Produktseite stehen die Einzelheiten.",
    ),
    insights=(
        "In {orders} kamen Sie am häufigsten für {categories} wieder, wählten oft {brand} und zahlten etwa {price} je Artikel.",
        "In {orders} kamen Sie am häufigsten für {categories} wieder und zahlten etwa {price} je Artikel.",
        "In {orders} kamen Sie am häufigsten für {categories} wieder und wählten oft {brand}.",
        "In {orders} kamen Sie am häufigsten für {categories} wieder.",
        "Sie kaufen am häufigsten {categories} und wählen oft {brand}.",
        "Sie kaufen am häufigsten {categories}.",
        "Sie haben uns gesagt, dass Sie {tastes} mögen.",
        "Von Ihren Einkäufen ist noch zu wenig bekannt, um etwas über Ihren Geschmack zu sagen.",
    ),
)
