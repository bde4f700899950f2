"""Claims that no evidence supports, in any language: offers, cures, urgency, talk about instructions. And claims that
only the product's own name supports: that it is organic, for example.

All languages are in one pattern: a text that an attack has changed need not be in the language that was asked for.
"""

from __future__ import annotations

import re

_NEVER = (
    # offers, prices, ratings, delivery
    r"\b(?:best[- ]?sell\w*|top[- ]rated|rated|reviews?|stars?|award\w*|discount\w*|on sale|coupon\w*|voucher\w*|half price"
    r"|special offer\w*|promo(?:tion\w*|s| code)?|bargain\w*|deals?|cheap\w*|affordable|save (?:money|you|on|up)|saves|value for money|(?:lowest|best) price\w*|guarantee\w*|in stock"
    r"|deliver(?:y|ed)|shipping|ships)\b"
    r"|(?<![-\w])(?<!sugar )(?<!gluten )(?<!dairy )(?<!lactose )(?<!fat )(?<!cruelty )(?<!feel )free\b(?![- ]range)"
    r"|\b(?:rabatt\w*|gutschein\w*|\w*angebot\w*|günstig\w*|billig\w*|kostenlos\w*|gratis|umsonst|testsieger\w*|schnäppchen\w*|preiswert\w*|spar(?:en|t)|preis-leistung\w*|bewertungen"
    r"|sterne|garanti\w*|auf lager|vorrätig\w*|versand\w*|lieferung\w*|preisnachlass\w*|reduziert\w*)\b"
    r"|\b(?:gratuit\w*|offert\w*|remises?|réductions?|soldes|rabais|meilleures? ventes?|(?:moins|pas) chers?|code promo|économis\w+|bonne affaire|abordables?"
    r"|en stock|livr(?:aison|é)\w*|étoiles|avis clients)\b"
    r"|\b(?:descuentos?|rebajas?|rebajad\w+|ofertas?|promoci\w+|cup[oó]n\w*|más vendid\w+|superventas|barat\w+|ahorr\w+|ganga|asequibles?|mejor precio"
    r"|existencias|envíos?|entrega|estrellas|reseñas)\b"
    r"|\b(?:indirim\w*|bedava\w*|ücretsiz\w*|kupon\w*|kampanya\w*|fırsat\w*|çok satan\w*|ucuz\w*|stokta\w*|tasarruf\w*|hesaplı|kargo\w*|teslimat\w*"
    r"|yıldız\w*)\b"
    # the best, the last, the only
    r"|\b(?:best|better than(?! usual)|finest|number one|unbeatable|exclusive\w*|limited|last chance|today only|only today|(?:act|order|buy|call) now"
    r"|hurry|don['’]t miss|while stocks last|click here|visit (?:us|our))\b"
    r"|\b(?:beste[nrsm]?|besser als(?! sonst)|limitiert\w*|exklusiv\w*|nur heute|letzte chance|solange der vorrat|jetzt (?:kaufen|zugreifen"
    r"|bestellen)|meilleure?s?|exclusi\w+|limité\w*|dernière chance|aujourd['’]hui seulement|cliquez|achetez maintenant"
    r"|mejor(?:es)?(?! que de costumbre)|limitad\w+|última oportunidad|solo hoy|haz clic|compra ya|en iyi\w*|sınırlı|son şans|sadece bugün|hemen al\w*"
    r"|tıkla\w*)\b"
    # when, apart from what the evidence says
    r"|\b(?:yesterday|last (?:night|week|weekend|month|year)|gestern|letzte[nrs]? (?:woche|monat|jahr|wochenende)|hier soir|la semaine dernière"
    r"|le mois dernier|l['’]an dernier|ayer|anoche|la semana pasada|el mes pasado|el año pasado|dün|geçen (?:hafta|ay|yıl))\b"
    # how the evidence was computed
    r"|\b(?:(?:by|than|to) chance|at random|coincidence|probabilit\w+|statistic\w*|algorithm\w*|similarity (?:score|of)|percent(?:age)?s?"
    r"|zufall\w*|zufällig\w*|wahrscheinlichkeit\w*|statisti\w+|algorithm\w*|prozent|hasard|probabilité\w*|algorithme\w*|pour cent"
    r"|azar|casualidad|probabilidad\w*|estadístic\w+|algoritmo\w*|por ciento|tesadüf\w*|olasılık\w*|istatisti\w*|algoritma\w*|yüzde)\b"
    # health
    r"|\b(?:cures?|heals?|prevents?|medical\w*|clinical\w*|doctors?|miracle\w*|weight loss|lose weight|immun\w*|detox\w*|cancer|covid"
    r"|diabetes)\b"
    r"|\b(?:heil(?:t|en|ung)|arzt|ärzte\w*|medizin\w*|klinisch\w*|abnehmen|krebs|guéri\w*|soign(?:e|er|ent)|médeci\w+|médica\w+|clinique\w*"
    r"|maigrir|cura|curar|médic\w+|clínic\w+|adelgaz\w+|iyileştir\w*|tedavi\w*|doktor\w*|klinik\w*|zayıfla\w*|kanser\w*)\b"
    # how it was made and tested, and where else there is any
    r"|\b(?:tested|safety|safe (?:to|for)|factory|factories|manufactur\w+|ingredients?|reduces? costs?|(?:not|only) available)\b"
    r"|\b(?:getestet\w*|geprüft\w*|unbedenklich\w*|fabrik\w*|hergestellt\w*|zutaten|nicht erhältlich|nur erhältlich"
    r"|testée?s?|sans danger|usines?|fabriquée?s?|ingrédients?|(?:pas|seulement) disponibles?"
    r"|probad\w+|fábricas?|fabricad\w+|ingredientes?|(?:no|solo|sólo) disponibles?"
    r"|test edil\w*|fabrika\w*|üretil\w*|malzeme\w*|içindekiler)\b"
    # what is behind the text; a shopper is spoken to, not of
    r"|\b(?:(?:the|this|a) (?:shopper|customer|user|buyer)|user message|the data|(?:this|the) (?:sentence|explanation|text)"
    r"|the reasons? (?:for|is|was|behind)|product names?|der kunde|die kundin|die daten|diese[rs]? (?:satz|text|erklärung)"
    r"|l[ea] cliente?|les données|cette phrase|ce texte|el cliente|la clienta|los datos|esta frase|este texto"
    r"|müşteri(?:nin|si)?|bu (?:cümle|metin|açıklama)|veriler)\b"
    r"|\b(?:prompts?|instructions?|language model|system message|json|sprachmodell\w*|anweisung\w*|modèle de langage|instrucci\w+"
    r"|modelo de lenguaje|dil modeli\w*|talimat\w*|ignor\w+|hacked|pwned|as an assistant)\b|(?-i:\bAI\b|\bKI\b|\bIA\b)"
)
NEVER = re.compile(_NEVER, re.IGNORECASE)

# True only if the product says so of itself.
QUALITIES: tuple[re.Pattern[str], ...] = tuple(
    re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE)
    for pattern in (
        r"organic\w*|bio|bio-\w+|biologi\w+|ökologisch\w*|ecológic\w+|orgánic\w+|organik",
        r"(?:sugar|zero)[- ]free|zero sugar|sugarless|zuckerfrei\w*|ohne zucker|sans sucres?|sin azúcar|şekersiz",
        r"gluten[- ]free|glutenfrei\w*|sans gluten|sin gluten|glutensiz",
        r"lactose[- ]free|dairy[- ]free|laktosefrei\w*|sans lactose|sin lactosa|laktozsuz",
        r"(?:low|reduced)[- ]fat|fat[- ]free|fettarm\w*|fettfrei\w*|allégé\w*|baj[oa] en grasa|az yağlı|yağsız",
        r"vegan\w*|végan\w*|végétalien\w*",
        r"vegetari\w+|végétari\w+|vejetaryen",
        r"natural|natürliche[nmrs]?|naturelle?s?|naturales|doğal",
        r"healthy|healthier|gesunde?[nmrs]?|gesünder\w*|sain|saine|saludables?|sağlıklı",
        r"fresh\w*|frische?[nmrs]?|frais|fraîche?s?|fresc[oa]s?|taze",
        r"new|brand-new|neue?[nmrs]?|nouveau\w*|nouvelle?s?|nuev[oa]s?|novedad\w*|yeni",
        r"fair[- ]?trade|commerce équitable|comercio justo|adil ticaret",
        r"sustainabl\w+|eco-friendly|nachhaltig\w*|durables?|sostenibles?|sürdürülebilir",
        r"local(?:ly)?|regional\w*|locale?s?|locales|yerel",
        (
            r"(?:rich|high|low) in|protein\w*|fib(?:re|er)|vitamin\w*|calori\w+|nutriti\w+|reich an|ballaststoff\w*|eiweiß\w*"
            r"|kalorien\w*|nahrhaft\w*|riches? en|fibres|protéin\w*|ric[oa]s? en|fibra|proteín\w*|calorí\w+|lifli|kalori\w*|besleyici"
        ),
        r"premium|luxur\w+|luxus\w*|luxe|lujo|lüks",
        r"home-?made|handmade|hausgemacht\w*|fait maison|caser[oa]|ev yapımı",
    )
)
NEW = QUALITIES[10]
