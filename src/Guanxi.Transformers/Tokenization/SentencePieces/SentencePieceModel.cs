using System.Globalization;
using Guanxi.Transformers.Checkpoints;

namespace Guanxi.Transformers.Tokenization.SentencePieces;

/// <summary>What a piece of a SentencePiece vocabulary is for. The values are those of the file format.</summary>
/// <remarks>Source: sentencepiece_model.proto of google/sentencepiece, <c>SentencePiece.Type</c>.</remarks>
public enum SentencePieceType
{
    /// <summary>Made by merging, or a single character.</summary>
    Normal = 1,

    /// <summary>Stands for what the vocabulary cannot say.</summary>
    Unknown = 2,

    /// <summary>Never produced from text: <c>&lt;s&gt;</c>, <c>&lt;/s&gt;</c>.</summary>
    Control = 3,

    /// <summary>Cut out of the text before anything is merged.</summary>
    UserDefined = 4,

    /// <summary>Present, but never produced.</summary>
    Unused = 5,

    /// <summary>One UTF-8 byte, spelled <c>&lt;0x0A&gt;</c>.</summary>
    Byte = 6,
}

/// <summary>How a SentencePiece model chooses the pieces of a text. The values are those of the file format.</summary>
/// <remarks>Source: sentencepiece_model.proto of google/sentencepiece, <c>TrainerSpec.ModelType</c>.</remarks>
public enum SentencePieceKind
{
    /// <summary>The pieces whose scores, logarithms of probabilities, have the largest sum.</summary>
    Unigram = 1,

    /// <summary>Merges, the best score first.</summary>
    Bpe = 2,
}

/// <summary>One entry of a SentencePiece vocabulary; its index is its id.</summary>
/// <param name="Text">The piece, with U+2581 for a space.</param>
/// <param name="Score">Rank of the merge that makes the piece, or the logarithm of its probability; larger is better.</param>
/// <param name="Type">What the piece is for.</param>
public readonly record struct SentencePiece(string Text, float Score, SentencePieceType Type);

/// <summary>A SentencePiece vocabulary and the few settings that decide how text is cut with it.</summary>
public sealed record SentencePieceModel
{
    /// <summary>What SentencePiece writes for a space.</summary>
    public const char Space = '\u2581';

    // Longer pieces are never trained (the trainer's default is 16); without a bound a damaged file could cost the square of its size.
    private const int MaxNormalPieceLength = 512;
    private const int ByteValues = 256;
    private const int ProblemsListed = 10;

    /// <summary>The file that error messages name.</summary>
    public required string Source { get; init; }

    /// <summary>SHA-256 of the file, lower-case hexadecimal.</summary>
    public required string Fingerprint { get; init; }

    /// <summary>The pieces in the order of their ids.</summary>
    public required IReadOnlyList<SentencePiece> Pieces { get; init; }

    /// <summary>Whether a character in no piece becomes its UTF-8 bytes instead of the unknown piece.</summary>
    public required bool ByteFallback { get; init; }

    /// <summary>Whether a space is put before every text.</summary>
    public required bool AddDummyPrefix { get; init; }

    /// <summary>How pieces are chosen.</summary>
    /// <value>BPE.</value>
    public SentencePieceKind Kind { get; init; } = SentencePieceKind.Bpe;

    /// <summary>Whether spaces at the ends of a text vanish, and all but one between words.</summary>
    /// <value>False.</value>
    public bool RemoveExtraSpaces { get; init; }

    /// <summary>The compiled map of characters that are replaced before anything else; empty for none.</summary>
    /// <value>Empty.</value>
    public ReadOnlyMemory<byte> CharactersMap { get; init; }

    /// <summary>What the unknown piece decodes to.</summary>
    /// <value>U+2047 between two spaces.</value>
    public string UnknownSurface { get; init; } = " \u2047 ";

    /// <summary>Spelling of the piece that begins a sequence.</summary>
    /// <value><c>&lt;s&gt;</c></value>
    public string BosPiece { get; init; } = "<s>";

    /// <summary>Spelling of the piece that ends a sequence.</summary>
    /// <value><c>&lt;/s&gt;</c></value>
    public string EosPiece { get; init; } = "</s>";

    /// <summary>Spelling of the piece that fills up a batch.</summary>
    /// <value><c>&lt;pad&gt;</c></value>
    public string PadPiece { get; init; } = "<pad>";

    /// <summary>Reads a <c>tokenizer.model</c> file.</summary>
    /// <param name="path">Path of the file.</param>
    /// <returns>The model, checked.</returns>
    /// <exception cref="CheckpointException">The file cannot be read, is damaged or is of a kind that is not supported.</exception>
    public static SentencePieceModel Load(string path) =>
        Parse(FileErrors.Wrapped(path, "the tokenizer file cannot be read", () => File.ReadAllBytes(path)), path);

    /// <summary>Reads the content of a <c>tokenizer.model</c> file.</summary>
    /// <param name="content">The bytes of the file.</param>
    /// <param name="source">The name that error messages use.</param>
    /// <returns>The model, checked.</returns>
    /// <exception cref="CheckpointException">The content is damaged or of a kind that is not supported.</exception>
    public static SentencePieceModel Parse(byte[] content, string source)
    {
        var model = SentencePieceFile.Parse(content, source);
        model.Validate();
        return model;
    }

    /// <summary>Checks that text can be encoded with this vocabulary.</summary>
    /// <exception cref="CheckpointException">Pieces are empty, repeated, missing or of a kind that is not supported.</exception>
    public void Validate()
    {
        var problems = new List<Problem>();
        var seen = new HashSet<string>(Pieces.Count, StringComparer.Ordinal);
        for (var id = 0; id < Pieces.Count; id++)
        {
            CheckPiece(id, seen, problems);
        }

        CheckWhole(problems);
        if (!CharactersMap.IsEmpty && PrecompiledMap.Read(CharactersMap.Span) is null)
        {
            problems.Add(new Problem(Source, "the map of characters is damaged", Found: $"{CharactersMap.Length} bytes"));
        }

        if (problems.Count > ProblemsListed)
        {
            var more = problems.Count - ProblemsListed;
            problems.RemoveRange(ProblemsListed, more);
            problems.Add(new Problem(Source, $"{more} more of the same kind"));
        }

        if (problems.Count > 0)
        {
            throw new CheckpointException(problems);
        }
    }

    /// <summary>The id of a piece by its spelling.</summary>
    /// <param name="text">The piece.</param>
    /// <returns>Its id, or null when there is none.</returns>
    public int? Find(string text)
    {
        for (var id = 0; id < Pieces.Count; id++)
        {
            if (Pieces[id].Text == text)
            {
                return id;
            }
        }

        return null;
    }

    /// <summary>The spelling of the piece of a byte.</summary>
    /// <param name="value">0 to 255.</param>
    /// <returns>For example <c>&lt;0x0A&gt;</c>.</returns>
    internal static string BytePiece(int value) => $"<0x{value:X2}>";

    /// <summary>The byte of a piece that <see cref="BytePiece"/> spelled.</summary>
    /// <param name="text">The piece.</param>
    /// <returns>0 to 255.</returns>
    internal static byte ByteOf(string text) => byte.Parse(text.AsSpan(3, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);

    private void CheckPiece(int id, HashSet<string> seen, List<Problem> problems)
    {
        void Add(string what, string? expected = null, string? found = null) =>
            problems.Add(new Problem($"{Source}, piece {id}", what, expected, found));

        var (text, score, type) = Pieces[id];
        if (text.Length == 0)
        {
            Add("the piece is empty");
        }
        else if (!seen.Add(text))
        {
            Add("the piece occurs twice", found: $"'{text}'");
        }

        if (!float.IsFinite(score))
        {
            Add("the score is no number", "a finite number", $"{score}");
        }

        if (type is < SentencePieceType.Normal or > SentencePieceType.Byte or SentencePieceType.Unused)
        {
            Add("the type of the piece is not supported", "normal, unknown, control, user-defined or byte", $"{type}");
        }

        if (type == SentencePieceType.Normal && text.Length > MaxNormalPieceLength)
        {
            Add("the piece is too long", $"at most {MaxNormalPieceLength} characters", $"{text.Length}");
        }
    }

    private void CheckWhole(List<Problem> problems)
    {
        var unknown = Pieces.Count(piece => piece.Type == SentencePieceType.Unknown);
        if (unknown != 1)
        {
            problems.Add(new Problem(Source, "the vocabulary must have one unknown piece", "1", $"{unknown} among {Pieces.Count} pieces"));
        }

        var bytes = Pieces.Where(piece => piece.Type == SentencePieceType.Byte).Select(piece => piece.Text).ToHashSet();
        var spelled = Enumerable.Range(0, ByteValues).Count(value => bytes.Contains(BytePiece(value)));
        if (bytes.Count != spelled || (ByteFallback && spelled != ByteValues))
        {
            var expected = ByteFallback ? "the 256 pieces <0x00> to <0xFF>" : "only pieces <0x00> to <0xFF>";
            var found = $"{spelled} of them and {bytes.Count - spelled} others";
            problems.Add(new Problem(Source, "the byte pieces are not complete", expected, found));
        }
    }
}
