"""Turkish."""

from __future__ import annotations

from workers.llm.lexicon.lexicon import Claim, Lexicon, Unit

TURKISH = Lexicon(
    language="tr",
    function_words=frozenset(
        "ve bu bir için ile siz size sizin çok daha olan olarak kez ürün ürünü ürünün alışveriş müşteriler birlikte satın "
        "aldınız gibi en ürüne ürünler da buna bunu önce yani biri kat katı onu kim "
        "bulunduğu boyutu bölümü bölümünden adlı ürünlerden markası ürünle o ona şu".split()
    ),
    numbers={
        "bir": 1, "iki": 2, "üç": 3, "dört": 4, "beş": 5, "altı": 6, "yedi": 7, "sekiz": 8, "dokuz": 9, "on": 10,
        "onlarca": 10, "düzine": 12, "düzinelerce": 12, "yirmi": 20, "otuz": 30, "kırk": 40, "elli": 50, "altmış": 60,
        "yetmiş": 70, "seksen": 80, "doksan": 90, "yüz": 100, "yüzlerce": 100, "bin": 1000, "binlerce": 1000,
        "milyon": 1_000_000, "milyonlarca": 1_000_000, "yarısı": 0.5, "yarı": 0.5,
    },
    ambiguous=frozenset({"bir", "iki"}),
    polite=frozenset({"siz", "sizin", "size"}),
    units={
        Unit.PEOPLE: r"kişi\w*|müşteri\w*",
        Unit.DAYS: r"gün\w*",
        Unit.WEEKS: r"hafta\w*",
        Unit.MONTHS: r"ay(?:da|dan|lar)?",
        Unit.YEARS: r"yıl\w*",
    },
    claims={
        Claim.BOUGHT: (
            r"\b(?:aldınız|aldığınız|aldın|almıştınız|alıyorsunuz|sipariş (?:ettiniz|verdiniz)|alışveriş yapt(?:ınız|ığınız)|tanıyorsunuz|tanıdığınız"
            r"|seçim yaptınız)\b|\bsepetiniz\w*|\b(?:son|önceki|geçmiş) (?:alışveriş|sipariş)\w*n[ıi]z\w*"
            r"|\balışverişleriniz\w*"
        ),
        Claim.VIEWED: (
            r"\b(?:baktınız|baktığınız|incelediniz|incelediğiniz|görüntülediniz|görüntülediğiniz|gezdiniz|gördünüz"
            r"|göz att\w+n[ıi]z)\b"
        ),
        Claim.LIKED: r"\b(?:beğendiniz|beğendiğiniz|sevdiniz)\b",
        Claim.ACTED: (
            r"\b(?:tıkladınız|aradınız|aradığınız|puanladınız|puan verdiniz|kaydettiniz|eklediniz|favorileriniz\w*)\b"
        ),
        Claim.STATED: r"\b(?:söylediniz|söylediğiniz|belirttiniz|belirttiğiniz|bildirdiniz)\b",
        Claim.TREND: r"\b(?:yükselişte|yükselen|trend\w*|moda|her zamankinden)\b",
        Claim.POPULAR: r"\b(?:popüler\w*|sevilen|seviliyor|rağbet\w*|talep görüyor|gözde\w*|favori\w*|beğenilen)\b",
        Claim.OFTEN: r"\b(?:sık sık|sıkça|sıklıkla|çoğu zaman)\b",
        Claim.USUAL: r"\b(?:düzenli olarak|genelde|genellikle|çoğunlukla|alışkanlıkla)\b",
        Claim.LIKE_YOU: r"\b(?:sizin gibi|sizinkine benze\w+|size benze\w+|benzer müşteri\w*)",
        Claim.OTHERS: (
            r"\b(?:müşteriler\w*|alışveriş yapanlar\w*|insanlar\w*|başkaları\w*|diğerleri\w*|herkes\w*|kişi\w*|komşular\w*|arkadaşlar\w*|aileler\w*|alanlar)\b"
        ),
        Claim.SHOP_CHOICE: (
            r"\bmağaza(?:mız)?(?: \S+){0,3} (?:seçti|koydu|yerleştirdi|belirledi)\b|\bmağaza(?:mız|n)ın (?:kendi )?(?:seçimi|önerisi)\b"
            r"|\bmağaza tarafından\b"
        ),
        Claim.PERSONAL: (
            r"\bsizin için (?:seçil\w+|özel\w*|hazırlan\w+|ideal|mükemmel)|\b(?:zevk|alışkanlık|tercih|ilgi)\w*n[ıi]z\w*"
            r"|\b(?:seveceğinizi|seveceksiniz|seversiniz|seviyorsunuz|sevdiğiniz\w*|hoşunuza|tercih ediyorsunuz)\b"
            r"|\bsize (?:uygun|özel)\b"
        ),
    },
)  # fmt: skip
