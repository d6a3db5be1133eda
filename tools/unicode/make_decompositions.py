"""Writes the table that Tokenization/Unicode reads: decompositions and combining classes of Unicode, from Python's own copy of the database.

python make_decompositions.py > ../../src/Guanxi.Transformers/Tokenization/Unicode/decompositions.txt
"""
import sys
import unicodedata

HANGUL = range(0xAC00, 0xD7A4)
SURROGATES = range(0xD800, 0xE000)


def lines():
    yield f"# Unicode {unicodedata.unidata_version}; made by tools/unicode/make_decompositions.py."
    yield "# 'C D...' canonical, '!C D...' canonical and never composed again, '~C D...' compatibility; '=C-D N' combining class N. Hangul syllables are left out."
    classes = []
    for code in range(0x110000):
        if code in SURROGATES:
            continue
        number = unicodedata.combining(chr(code))
        if number and classes and classes[-1][1] == code - 1 and classes[-1][2] == number:
            classes[-1][1] = code
        elif number:
            classes.append([code, code, number])
        parts = unicodedata.decomposition(chr(code)).split()
        if parts and code not in HANGUL:
            stays = unicodedata.normalize("NFC", chr(code)) == chr(code)
            mark = "~" if parts[0].startswith("<") else "" if stays else "!"
            yield f"{mark}{code:X} {' '.join(f'{int(p, 16):X}' for p in parts if not p.startswith('<'))}"
    for first, last, number in classes:
        yield f"={first:X}-{last:X} {number}"


sys.stdout.write("".join(line + "\n" for line in lines()))
