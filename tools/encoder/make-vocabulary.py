"""Makes the vocabulary of assets/encoder-zh: every Chinese character of GB 2312 and of a folder of texts, signs, and pieces of Latin words.

Usage: make-vocabulary.py CORPUS_FOLDER > vocab.txt
A character is a token, as in bert-base-chinese; Latin letters and digits stand once at the start of a word and once within ("##").
"""
import collections, pathlib, string, sys, unicodedata

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
LEAST = 4  # occurrences of a sign that is no Chinese character and no ASCII


def gb2312():
    for high in range(0xB0, 0xF8):
        for low in range(0xA1, 0xFF):
            try:
                yield bytes([high, low]).decode("gb2312")
            except UnicodeDecodeError:
                pass  # five places of the set are empty


def is_han(sign):
    return "\u4e00" <= sign <= "\u9fff"


def main():
    counts = collections.Counter()
    for file in sorted(pathlib.Path(sys.argv[1]).glob("*.txt")):
        counts.update(unicodedata.normalize("NFC", file.read_text(encoding="utf-8")).lower())
    letters = string.ascii_lowercase + string.digits
    signs = {s for s, n in counts.items() if n >= LEAST and not is_han(s) and not s.isspace() and s.isprintable() and ord(s) > 126}
    signs |= set("·•—…“”‘’《》〈〉「」『』【】（）、。，：；！？～￥°")
    han = {s for s in counts if is_han(s)} | set(gb2312())
    tokens = SPECIAL + [chr(c) for c in range(33, 127) if not chr(c).isupper()] + ["##" + c for c in letters] + sorted(signs) + sorted(han)
    print("\n".join(tokens))


main()
