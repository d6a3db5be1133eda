using Google.Protobuf;

namespace Guanxi.Transformers.Tokenization.SentencePieces;

/// <summary>Writes a SentencePiece model as the protobuf message of a <c>tokenizer.model</c> file.</summary>
/// <remarks>Source: sentencepiece_model.proto of google/sentencepiece; see <see cref="SentencePieceFile"/> for the numbers of the fields.</remarks>
internal static class SentencePieceWriter
{
    private const int PiecesField = 1;
    private const int TrainerField = 2;
    private const int NormalizerField = 3;

    /// <summary>The content of the file.</summary>
    public static byte[] Write(SentencePieceModel model)
    {
        using var stream = new MemoryStream();
        using (var output = new CodedOutputStream(stream, leaveOpen: true))
        {
            foreach (var piece in model.Pieces)
            {
                Nested(output, PiecesField, inner => WritePiece(inner, piece));
            }

            Nested(output, TrainerField, inner => WriteTrainer(inner, model));
            Nested(output, NormalizerField, inner => WriteNormalizer(inner, model));
        }

        return stream.ToArray();
    }

    private static void WritePiece(CodedOutputStream output, SentencePiece piece)
    {
        Text(output, 1, piece.Text);
        output.WriteTag(2, WireFormat.WireType.Fixed32);
        output.WriteFloat(piece.Score);
        Whole(output, 3, (int)piece.Type);
    }

    private static void WriteTrainer(CodedOutputStream output, SentencePieceModel model)
    {
        Whole(output, 3, (int)model.Kind);
        Whole(output, 4, model.Pieces.Count);
        Flag(output, 35, model.ByteFallback);
        foreach (var (field, id) in SpecialIds(model))
        {
            Whole(output, field, id);
        }

        Text(output, 44, model.UnknownSurface);
        Text(output, 46, model.BosPiece);
        Text(output, 47, model.EosPiece);
        Text(output, 48, model.PadPiece);
    }

    // Of unknown, beginning, end and padding; -1 where there is none, which an int32 of the format writes in ten bytes.
    private static IEnumerable<(int Field, int Id)> SpecialIds(SentencePieceModel model) =>
    [
        (40, model.Pieces.Index().FirstOrDefault(item => item.Item.Type == SentencePieceType.Unknown).Index),
        (41, model.Find(model.BosPiece) ?? -1), (42, model.Find(model.EosPiece) ?? -1), (43, model.Find(model.PadPiece) ?? -1),
    ];

    private static void WriteNormalizer(CodedOutputStream output, SentencePieceModel model)
    {
        output.WriteTag(2, WireFormat.WireType.LengthDelimited);
        output.WriteBytes(ByteString.CopyFrom(model.CharactersMap.Span));
        Flag(output, 3, model.AddDummyPrefix);
        Flag(output, 4, model.RemoveExtraSpaces);
        Flag(output, 5, true);
    }

    private static void Nested(CodedOutputStream output, int field, Action<CodedOutputStream> write)
    {
        using var stream = new MemoryStream();
        using (var inner = new CodedOutputStream(stream, leaveOpen: true))
        {
            write(inner);
        }

        output.WriteTag(field, WireFormat.WireType.LengthDelimited);
        output.WriteBytes(ByteString.CopyFrom(stream.ToArray()));
    }

    private static void Text(CodedOutputStream output, int field, string text)
    {
        output.WriteTag(field, WireFormat.WireType.LengthDelimited);
        output.WriteString(text);
    }

    private static void Whole(CodedOutputStream output, int field, int value)
    {
        output.WriteTag(field, WireFormat.WireType.Varint);
        output.WriteInt32(value);
    }

    private static void Flag(CodedOutputStream output, int field, bool value)
    {
        output.WriteTag(field, WireFormat.WireType.Varint);
        output.WriteBool(value);
    }
}
