"""The usual names of columns of texts and labels, and of labels, in many languages.

All as `plain` makes them: letters and digits in lower case, without accents.
"""

import re
import unicodedata


def plain(name: str) -> str:
    """Letters and digits in lower case, without accents: "Reseña_Text" is "resenatext"."""
    letters = unicodedata.normalize("NFKD", name.casefold())
    return re.sub(r"[\W_]+", "", letters)


def _names(text: str) -> frozenset[str]:
    return frozenset(map(plain, text.split()))


TEXTS = _names("""
    text texts review reviews reviewtext reviewbody reviewcontent reviewdescription sentence
    sentences phrase content comment comments commenttext body message messages tweet tweets
    tweettext tweetcontent texttweet document description utterance opinion opinions feedback
    cleantext originaltext fulltext
    Satz Sätze Kommentar Kommentare Bewertungstext Nachricht Beitrag Rezension Rezensionen Inhalt
    texto textos comentario comentarios reseña reseñas mensaje frase contenido opinión
    texte textes avis commentaire commentaires critique contenu
    testo testi recensione recensioni commento frasi messaggio
    comentário comentários mensagem resenha conteúdo
    tekst teksten zin zinnen recensie bericht reactie
    recenzja recenzje opinia zdanie komentarz wiadomość treść
    metin yorum yorumlar cümle mesaj
    текст тексты отзыв отзывы комментарий комментарии сообщение предложение рецензия відгук
    коментар речення
    文本 评论 評論 内容 內容 句子 文字 评论内容 留言 文 文章 テキスト 本文 レビュー コメント 口コミ
    텍스트 리뷰 문장 내용 댓글 본문
    نص النص تعليق مراجعة پیام متن नज़रिया पाठ समीक्षा টেক্সট ข้อความ รีวิว
    κείμενο κριτική σχόλιο טקסט ביקורת תגובה
    vănbản bìnhluận nộidung teks ulasan kalimat komentar isi ulasantext
    recension kommentar anmeldelse teksti arvostelu kommentti recenze věta komentář recenzia
    szöveg vélemény mondat recenzie propoziție отзив изречение
""")

LABELS = _names("""
    label labels labelname labeltext sentiment sentiments sentimentlabel class classes classlabel
    classname classindex category categories target targets polarity rating ratings stars
    starrating score scores emotion emotions emotionlabel feeling verdict overall overallrating
    airlinesentiment gold goldlabel annotation stance intent intents
    Urteil Bewertung Stimmung Klasse Kategorie Etikett Gefühl Sterne Polarität
    etiqueta etiquetas sentimiento sentimientos clase categoría polaridad calificación puntuación
    valoración estrellas emoción
    étiquette classe catégorie polarité note étoiles émotion
    etichetta sentimento categoria polarità voto valutazione stelle emozione
    rótulo polaridade nota avaliação estrelas emoção
    klasse categorie beoordeling waardering gevoel sterren
    etykieta sentyment klasa kategoria ocena emocja wydźwięk
    etiket duygu sınıf kategori puan yıldız
    метка метки класс категория оценка тональность рейтинг эмоция настроение мітка клас категорія
    оцінка тональність
    标签 標籤 情感 类别 類別 分类 分類 评分 評分 情绪 情緒 极性 極性 星级
    ラベル 感情 評価 クラス
    라벨 레이블 감정 감성 평점 분류 클래스
    تصنيف المشاعر برچسب लेबल भावना ป้าย
    ετικέτα κατηγορία συναίσθημα תווית סנטימנט
    nhãn cảmxúc sentimen kelas
    etikett betyg känsla klass følelse luokka tunne štítek hodnocení třída címke osztály etichetă
    етикет
""")

POSITIVE = _names("""
    positive pos positiv positivo positiva positif positief pozytywny pozytywna olumlu pozitif
    позитивный положительный позитив позитивний 正面 积极 積極 好评 ポジティブ 肯定 긍정 إيجابي
    θετικό θετική חיובי tíchcực positivt positiivinen pozitivní pozitív pozitiv
""")
NEGATIVE = _names("""
    negative neg negativ negativo negativa négatif negatief negatywny negatywna olumsuz negatif
    негативный отрицательный негатив негативний 负面 負面 消极 消極 差评 ネガティブ 否定 부정 سلبي
    αρνητικό αρνητική שלילי tiêucực negativt negatiivinen negativní negatív
""")

# What stands for "no value" where a table was written by pandas, R, a spreadsheet or a data base.
MISSING = frozenset({
    "nan", "NaN", "-nan", "-NaN", "NA", "N/A", "n/a", "<NA>", "#N/A", "#NA", "NULL", "null", "None",
})  # fmt: skip
