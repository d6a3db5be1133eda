using System.Security.Cryptography;
using System.Text;
using Google.Protobuf;

namespace Guanxi.Transformers.Tokenization.SentencePieces;

/// <summary>Reads the protobuf message of a <c>tokenizer.model</c> file.</summary>
/// <remarks>
/// Source: sentencepiece_model.proto of google/sentencepiece (ModelProto, TrainerSpec, NormalizerSpec). Fields we do not need are skipped.
/// </remarks>
internal static class SentencePieceFile
{
    private const int WireVarint = 0;
    private const int WireBytes = 2;
    private const int WireFloat = 5;

    private static readonly UTF8Encoding s_strictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Reads the message; the pieces themselves are not checked yet.</summary>
    /// <exception cref="CheckpointException">The content is no such message, or asks for what we do not do.</exception>
    public static SentencePieceModel Parse(byte[] content, string source)
    {
        var settings = new Settings();
        try
        {
            ReadModel(new CodedInputStream(content), settings);
        }
        catch (Exception e) when (e is InvalidProtocolBufferException or DecoderFallbackException)
        {
            throw new CheckpointException(Damaged(content, source, $"{e.Message} (after {settings.Pieces.Count} pieces)"), e);
        }

        if (settings.Pieces.Count == 0)
        {
            throw new CheckpointException(Damaged(content, source, $"no piece in {content.Length} bytes"));
        }

        var unsupported = Unsupported(settings, source);
        if (unsupported.Count > 0)
        {
            throw new CheckpointException(unsupported);
        }

        return new SentencePieceModel
        {
            Source = source,
            Fingerprint = Convert.ToHexStringLower(SHA256.HashData(content)),
            Pieces = settings.Pieces,
            Kind = (SentencePieceKind)settings.ModelType,
            RemoveExtraSpaces = settings.RemoveExtraSpaces,
            CharactersMap = settings.CharactersMap,
            ByteFallback = settings.ByteFallback,
            AddDummyPrefix = settings.AddDummyPrefix,
            UnknownSurface = settings.UnknownSurface,
            BosPiece = settings.BosPiece,
            EosPiece = settings.EosPiece,
            PadPiece = settings.PadPiece,
        };
    }

    private static Problem Damaged(byte[] content, string source, string found)
    {
        if (content.AsSpan().StartsWith("version https://git-lfs"u8))
        {
            return new Problem(
                source,
                "this is a Git LFS pointer, not the tokenizer",
                "a SentencePiece model",
                $"{content.Length} bytes of text",
                "Download the file it points to");
        }

        return new Problem(source, "this is no SentencePiece model, or it is damaged", "a protobuf message", found, "Download it again");
    }

    private static List<Problem> Unsupported(Settings settings, string source)
    {
        var problems = new List<Problem>();
        void Refuse(bool present, string what, string expected, string found)
        {
            if (present)
            {
                problems.Add(new Problem(source, what, expected, found));
            }
        }

        var kind = settings.ModelType switch { 3 => "word", 4 => "char", var other => $"type {other}" };
        Refuse(settings.ModelType is not (1 or 2), "this kind of SentencePiece model is not supported", "BPE or unigram", kind);
        Refuse(settings.DenormalizerBytes > 0, "a map for decoding is not supported", "none", $"{settings.DenormalizerBytes} bytes");
        Refuse(!settings.EscapeSpaces, "plain spaces in pieces are not supported", "escape_whitespaces true", "false");
        Refuse(settings.SpaceAsSuffix, "spaces at the end of words are not supported", "treat_whitespace_as_suffix false", "true");
        return problems;
    }

    private static void ReadModel(CodedInputStream input, Settings settings)
    {
        for (var tag = input.ReadTag(); tag != 0; tag = input.ReadTag())
        {
            switch (tag)
            {
                case (1 << 3) | WireBytes:
                    settings.Pieces.Add(ReadPiece(Nested(input)));
                    break;
                case (2 << 3) | WireBytes:
                    ReadTrainer(Nested(input), settings);
                    break;
                case (3 << 3) | WireBytes:
                    ReadNormalizer(Nested(input), settings);
                    break;
                case (5 << 3) | WireBytes:
                    var denormalizer = new Settings();
                    ReadNormalizer(Nested(input), denormalizer);
                    settings.DenormalizerBytes = denormalizer.CharactersMap.Length;
                    break;
                default:
                    input.SkipLastField();
                    break;
            }
        }
    }

    private static SentencePiece ReadPiece(CodedInputStream input)
    {
        var (text, score, type) = (string.Empty, 0f, SentencePieceType.Normal);
        for (var tag = input.ReadTag(); tag != 0; tag = input.ReadTag())
        {
            switch (tag)
            {
                case (1 << 3) | WireBytes:
                    text = Text(input);
                    break;
                case (2 << 3) | WireFloat:
                    score = input.ReadFloat();
                    break;
                case (3 << 3) | WireVarint:
                    type = (SentencePieceType)input.ReadEnum();
                    break;
                default:
                    input.SkipLastField();
                    break;
            }
        }

        return new SentencePiece(text, score, type);
    }

    private static void ReadTrainer(CodedInputStream input, Settings settings)
    {
        for (var tag = input.ReadTag(); tag != 0; tag = input.ReadTag())
        {
            switch (tag)
            {
                case (3 << 3) | WireVarint:
                    settings.ModelType = (uint)input.ReadEnum();
                    break;
                case (24 << 3) | WireVarint:
                    settings.SpaceAsSuffix = input.ReadBool();
                    break;
                case (35 << 3) | WireVarint:
                    settings.ByteFallback = input.ReadBool();
                    break;
                case (44 << 3) | WireBytes:
                    settings.UnknownSurface = Text(input);
                    break;
                case (46 << 3) | WireBytes:
                    settings.BosPiece = Text(input);
                    break;
                case (47 << 3) | WireBytes:
                    settings.EosPiece = Text(input);
                    break;
                case (48 << 3) | WireBytes:
                    settings.PadPiece = Text(input);
                    break;
                default:
                    input.SkipLastField();
                    break;
            }
        }
    }

    private static void ReadNormalizer(CodedInputStream input, Settings settings)
    {
        for (var tag = input.ReadTag(); tag != 0; tag = input.ReadTag())
        {
            switch (tag)
            {
                case (2 << 3) | WireBytes:
                    settings.CharactersMap = input.ReadBytes().ToByteArray();
                    break;
                case (3 << 3) | WireVarint:
                    settings.AddDummyPrefix = input.ReadBool();
                    break;
                case (4 << 3) | WireVarint:
                    settings.RemoveExtraSpaces = input.ReadBool();
                    break;
                case (5 << 3) | WireVarint:
                    settings.EscapeSpaces = input.ReadBool();
                    break;
                default:
                    input.SkipLastField();
                    break;
            }
        }
    }

    private static CodedInputStream Nested(CodedInputStream input) => input.ReadBytes().CreateCodedInput();

    private static string Text(CodedInputStream input) => s_strictUtf8.GetString(input.ReadBytes().Span);

    // Starting values are the defaults of the message definition: a field that is absent has them.
    private sealed class Settings
    {
        public List<SentencePiece> Pieces { get; } = [];

        public uint ModelType { get; set; } = 1;

        public bool ByteFallback { get; set; }

        public bool SpaceAsSuffix { get; set; }

        public string UnknownSurface { get; set; } = " \u2047 ";

        public string BosPiece { get; set; } = "<s>";

        public string EosPiece { get; set; } = "</s>";

        public string PadPiece { get; set; } = "<pad>";

        public byte[] CharactersMap { get; set; } = [];

        public int DenormalizerBytes { get; set; }

        public bool AddDummyPrefix { get; set; } = true;

        public bool RemoveExtraSpaces { get; set; } = true;

        public bool EscapeSpaces { get; set; } = true;
    }
}
