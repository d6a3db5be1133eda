#!/bin/bash
# Trains the vocabulary of assets/base-zh from a folder of plain text files (one paragraph a line).
# Needs spm_train (Debian: apt-get install sentencepiece); 0.1.97 made the file that is kept.
# Usage: train-tokenizer.sh CORPUS_FOLDER OUTPUT_FOLDER [VOCABULARY_SIZE] [CHARACTER_COVERAGE]
set -euo pipefail
corpus=$(realpath "$1") output=$(realpath "$2") size=${3:-6000} coverage=${4:-0.9985}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

LC_ALL=C.UTF-8
find "$corpus" -name '*.txt' -print0 | LC_ALL=C sort -z | xargs -0 cat > corpus.txt
# A required character must occur at least once: this line holds all of printable ASCII.
ascii='!"#$%&'"'"'()*+,-./:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\]^_`abcdefghijklmnopqrstuvwxyz{|}~'
printf '%s\n' "0123456789 $ascii" > ascii.txt

# Cut out before any merge, so that a digit or a full stop is one token wherever it stands.
whole=(0 1 2 3 4 5 6 7 8 9 ， 。 ！ ？ 、 ： ； “ ” ‘ ’ （ ） 《 》 '<br>' '</br>')
whole+=('<reserved_'{0..7}'>')
symbols=$'\n,\t'$(printf ',%s' "${whole[@]}")

spm_train --input=corpus.txt,ascii.txt --model_prefix=tokenizer --vocab_size="$size" --model_type=bpe \
    --character_coverage="$coverage" --byte_fallback=true --split_digits=true --normalization_rule_name=identity \
    --add_dummy_prefix=false --remove_extra_whitespaces=false --allow_whitespace_only_pieces=true \
    --unk_id=0 --bos_id=1 --eos_id=2 --pad_id=-1 --user_defined_symbols="$symbols" --required_chars="▁$ascii" \
    --max_sentence_length=65536 --max_sentencepiece_length=8 --num_threads=1 --minloglevel=1
cp tokenizer.model "$output/tokenizer.model"
