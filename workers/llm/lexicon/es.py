"""Spanish."""

from __future__ import annotations

from workers.llm.lexicon.lexicon import Claim, Lexicon, Unit

_YOU_HAVE = r"\b(?:has|habías|usted ha|ha usted)(?: \S+){0,3}?"

SPANISH = Lexicon(
    language="es",
    function_words=frozenset(
        "el los las y es tu tus con este esta esto para ha has una por su lo del ti más muy se también quien quienes como "
        "han te juntos menudo producto son al ya donde hasta veces hace comprado marca cada está encontrarás echaste nuestro".split()
    ),
    numbers={
        "un": 1, "una": 1, "uno": 1, "dos": 2, "doble": 2, "duplica": 2, "tres": 3, "triple": 3, "triplica": 3,
        "cuatro": 4, "cinco": 5, "seis": 6, "siete": 7, "ocho": 8, "nueve": 9, "diez": 10, "decena": 10, "decenas": 10,
        "once": 11, "doce": 12, "docena": 12, "docenas": 12, "trece": 13, "catorce": 14, "quince": 15, "dieciséis": 16,
        "diecisiete": 17, "dieciocho": 18, "diecinueve": 19, "veinte": 20, "veintiún": 21, "veintiuno": 21,
        "veintidós": 22, "veintitrés": 23, "veinticuatro": 24, "veinticinco": 25, "veintiséis": 26, "veintisiete": 27,
        "veintiocho": 28, "veintinueve": 29, "treinta": 30, "cuarenta": 40, "cincuenta": 50, "sesenta": 60,
        "setenta": 70, "ochenta": 80, "noventa": 90, "cien": 100, "ciento": 100, "cientos": 100, "centenares": 100,
        "doscientos": 200, "doscientas": 200, "trescientos": 300, "trescientas": 300, "cuatrocientos": 400,
        "cuatrocientas": 400, "quinientos": 500, "quinientas": 500, "seiscientos": 600, "seiscientas": 600,
        "setecientos": 700, "setecientas": 700, "ochocientos": 800, "ochocientas": 800, "novecientos": 900,
        "novecientas": 900, "mil": 1000, "miles": 1000, "millón": 1_000_000, "millones": 1_000_000, "mitad": 0.5,
    },
    ambiguous=frozenset({"un", "una", "uno", "dos"}),
    joiner="y",
    polite=frozenset({"tú", "usted", "ud"}),
    units={
        Unit.PEOPLE: r"personas?|clientes?|compradores|hogares",
        Unit.DAYS: r"días?",
        Unit.WEEKS: r"semanas?",
        Unit.MONTHS: r"mes(?:es)?",
        Unit.YEARS: r"años?",
    },
    claims={
        Claim.BOUGHT: (
            rf"{_YOU_HAVE} (?:comprado|pedido|adquirido|elegido)\b|\b(?:compraste|pediste|adquiriste)\b"
            r"|\b(?:usted|tú) compr\w+|\bcompras (?:sobre|a menudo|mucho|siempre)\b|\blo (?:compras|conoces)\b|\bque conoces\b|\bcomprarlo\b"
            r"|\b(?:tus|sus) (?:\w+ )?(?:compras|pedidos)\b|\btu (?:\w+ )?(?:compra|pedido)\b"
            r"|\ben tu (?:cesta|carrito)\b"
        ),
        Claim.VIEWED: (
            rf"\b(?:miraste|viste|visitaste|consultaste|ojeaste|estuviste mirándolo|echaste un vistazo)\b|{_YOU_HAVE} (?:visto|mirado|visitado|consultado)\b"
        ),
        Claim.LIKED: r"\bte (?:gustó|gustaron|encantó|encantaron|ha[n]? gustado|ha[n]? encantado)\b|\bdisfrutaste\b",
        Claim.ACTED: (
            rf"\b(?:buscaste|valoraste|guardaste|añadiste|pulsaste)\b|{_YOU_HAVE} (?:buscado|valorado|guardado|añadido)\b"
            r"|\btus (?:favoritos|reseñas|búsquedas|valoraciones)\b|\blista de deseos\b"
        ),
        Claim.STATED: rf"\b(?:dijiste|indicaste|mencionaste|declaraste)\b|{_YOU_HAVE} (?:dicho|indicado|mencionado)\b",
        Claim.TREND: r"\b(?:tendencias?|en auge|en alza|de moda|que de costumbre)\b",
        Claim.POPULAR: r"\b(?:popular\w*|favorit\w+|mucha demanda|muy demandad\w+)\b",
        Claim.OFTEN: r"\b(?:a menudo|con frecuencia|frecuentemente|muchas veces)\b",
        Claim.USUAL: r"\b(?:con regularidad|regularmente|sueles|soléis|normalmente|habitualmente|generalmente|por lo general)\b",
        Claim.LIKE_YOU: (
            r"\bcomo (?:tú|usted)\b|\bcomo (?:el|l[ao]s?) tuy[ao]s?\b|\bparecen? a l[ao]s? tuy[ao]s?\b"
            r"|\b(?:clientes|compradores|personas) (?:similares|parecid\w+)|\bhábitos (?:parecidos|similares)\b"
        ),
        Claim.OTHERS: (
            r"(?<!para todos los )\b(?:clientes|compradores|personas|gente|hogares|familias|vecinos|amigos|muchos (?:han|compran|eligen)|otros ya|muchos (?:lo|la)"
            r"|la mayoría|los demás|todo el mundo|todos (?:lo|la))\b"
        ),
        Claim.SHOP_CHOICE: (
            r"\b(?:tienda|comercio)\b(?: \S+){0,2} (?:eligió|elegido|escogió|escogido|puso|puesto|seleccionó|seleccionado|colocó)\b"
            r"|\belección de (?:la|nuestra) (?:propia )?tienda\b|\b(?:elegid|seleccionad|puest|escogid|recomendad)\w+ por la (?:propia )?tienda\b"
        ),
        Claim.PERSONAL: (
            r"\b(?:elegid|seleccionad|hech|pensad|ideal|perfect)\w* para (?:ti|usted)\b|\btu (?:gusto|estilo|perfil)\b"
            r"|\btus (?:gustos|hábitos|preferencias|necesidades|intereses)\b"
            r"|\bte (?:gusta|gustan|gustará|gustarán|encanta|encantan|encantará|interesa\w*)\b|\bprefieres\b"
        ),
    },
)  # fmt: skip
