"""Writes the folder that the pretraining of assets/encoder-zh begins from. Needs Python alone.

Usage: make-start.py ENCODER_FOLDER BASE_FOLDER OUTPUT_FOLDER
ENCODER_FOLDER has config.json, vocab.txt and tokenizer_config.json; BASE_FOLDER is a small language model of the same width with a SentencePiece vocabulary.

Everything is random as in BERT but for two things, without which the loss stays near the entropy of single characters for the few thousand steps that there are:
- a character that the base knows too begins with the base's embedding;
- positions begin as sinusoids, and the first layer's heads look at the tokens 1 before, 1 behind, 2 before, 2 behind: sinusoids that stand o apart are turns of one another, so that a
  query turned by o meets the key o tokens away.
"""
import array, json, math, pathlib, random, shutil, struct, sys

SCALE = 0.04  # root mean square of an embedding taken over: twice that of a random one
POSITION_GAIN = 2 * math.sqrt(2)  # in its dimensions a position outweighs a word
HEAD_GAIN = 0.6  # a head scores about 6 at its distance, near 0 elsewhere
SPREAD = 1.5  # above 1 the sinusoids have no common period within 512 positions
SEED = 42


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at, value, shift = at + 1, value | (byte & 127) << shift, shift + 7
        if byte < 128:
            return value, at


def fields(data):
    """Number and content of the fields of a protobuf message that have a length."""
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        if tag & 7 == 2:
            length, at = varint(data, at)
            yield tag >> 3, data[at:at + length]
            at += length
        elif tag & 7 == 0:
            _, at = varint(data, at)
        else:
            at += 4 if tag & 7 == 5 else 8


def pieces(path):
    """Pieces of a SentencePiece model, in order: field 1 of each entry of field 1."""
    return [next(text for number, text in fields(entry) if number == 1).decode() for kind, entry in fields(path.read_bytes()) if kind == 1]


def embedding_rows(path, width):
    """Rows of the base's embedding; a bfloat16 is the upper half of a float32."""
    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    first, last = json.loads(data[8:8 + length])["model.embed_tokens.weight"]["data_offsets"]
    halves = data[8 + length + first:8 + length + last]
    wide = bytearray(2 * len(halves))
    wide[2::4], wide[3::4] = halves[0::2], halves[1::2]
    values = array.array("f")
    values.frombytes(bytes(wide))
    return [values[at:at + width] for at in range(0, len(values), width)]


def start(config, vocabulary, known):
    """Names, shapes and values of all weights."""
    width, inner, heads = config["hidden_size"], config["intermediate_size"], config["num_attention_heads"]
    size, deviation = width // heads, config["initializer_range"]
    frequencies = [math.pi * ((pair + 0.5) / (size // 2)) ** SPREAD for pair in range(size // 2)]
    weights = {}

    def normal(name, *shape):
        weights[name] = shape, array.array("f", (random.gauss(0, deviation) for _ in range(math.prod(shape))))
        return weights[name][1]

    def linear(path, outputs, inputs):
        weights[path + ".bias"] = (outputs,), array.array("f", bytes(4 * outputs))
        return normal(path + ".weight", outputs, inputs)

    def norm(path):
        weights[path + ".weight"] = (width,), array.array("f", [1]) * width
        weights[path + ".bias"] = (width,), array.array("f", bytes(4 * width))

    def look(matrix, distances):
        for head, distance in enumerate(distances):
            for pair, frequency in enumerate(frequencies):
                cosine, sine = HEAD_GAIN * math.cos(frequency * distance), HEAD_GAIN * math.sin(frequency * distance)
                at = (head * size + 2 * pair) * width + 2 * pair
                for place, value in ((at, cosine), (at + 1, -sine), (at + width, sine), (at + width + 1, cosine)):
                    matrix[place] += value

    words = normal("bert.embeddings.word_embeddings.weight", len(vocabulary), width)
    found = {row: known[token] for row, token in enumerate(vocabulary) if token in known}
    scale = SCALE / math.sqrt(sum(value * value for row in found.values() for value in row) / (len(found) * width))
    for row, values in found.items():
        words[row * width:(row + 1) * width] = array.array("f", (scale * value for value in values))
    positions = normal("bert.embeddings.position_embeddings.weight", config["max_position_embeddings"], width)
    for position in range(config["max_position_embeddings"]):
        for pair, frequency in enumerate(frequencies):
            positions[position * width + 2 * pair] += POSITION_GAIN * SCALE * math.cos(frequency * position)
            positions[position * width + 2 * pair + 1] += POSITION_GAIN * SCALE * math.sin(frequency * position)
    normal("bert.embeddings.token_type_embeddings.weight", config["type_vocab_size"], width)
    norm("bert.embeddings.LayerNorm")
    for layer in range(config["num_hidden_layers"]):
        path = f"bert.encoder.layer.{layer}."
        query, key = (linear(f"{path}attention.self.{part}", width, width) for part in ("query", "key"))
        if layer == 0:
            look(query, [(head // 2 + 1) * (-1 if head % 2 == 0 else 1) for head in range(heads)])
            look(key, [0] * heads)
        linear(path + "attention.self.value", width, width)
        linear(path + "attention.output.dense", width, width)
        norm(path + "attention.output.LayerNorm")
        linear(path + "intermediate.dense", inner, width)
        linear(path + "output.dense", width, inner)
        norm(path + "output.LayerNorm")
    linear("cls.predictions.transform.dense", width, width)
    norm("cls.predictions.transform.LayerNorm")
    weights["cls.predictions.bias"] = (len(vocabulary),), array.array("f", bytes(4 * len(vocabulary)))
    return weights


def write(weights, path):
    header, end = {"__metadata__": {"format": "pt"}}, 0
    for name, (shape, values) in weights.items():
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [end, end + 4 * len(values)]}
        end += 4 * len(values)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for _, values in weights.values():
            file.write(values.tobytes())


def main():
    encoder, base, output = map(pathlib.Path, sys.argv[1:])
    output.mkdir(parents=True, exist_ok=True)
    config = json.loads((encoder / "config.json").read_text())
    vocabulary = (encoder / "vocab.txt").read_text(encoding="utf-8").split("\n")[:config["vocab_size"]]
    known = dict(zip(pieces(base / "tokenizer.model"), embedding_rows(base / "model.safetensors", config["hidden_size"])))
    random.seed(SEED)
    write(start(config, vocabulary, known), output / "model.safetensors")
    for name in ("vocab.txt", "tokenizer_config.json"):
        shutil.copy(encoder / name, output)
    # Few steps over much text: nothing is learnt by heart, and dropout would only slow it down.
    (output / "config.json").write_text(json.dumps(config | {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}, indent=2) + "\n")


main()
