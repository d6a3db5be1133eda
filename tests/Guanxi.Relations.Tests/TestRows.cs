using System.Text;
using Guanxi.Relations.Formats;
using Guanxi.TestKit;

namespace Guanxi.Relations.Tests;

internal static class TestRows
{
    public const string File = "rows";

    public static RelationExample Marked(string marked, string? label = null, int row = 1, string file = File)
    {
        var parsed = EntityMarkers.Parse(marked, []) ?? throw new ArgumentException($"'{marked}' is not marked well", nameof(marked));
        var (person1, person2) = (parsed.Span1.Of(parsed.Text), parsed.Span2.Of(parsed.Text));
        var place = new SourcePlace(file, row + 1, row);
        return new RelationExample(parsed.Text, person1, person2, parsed.Span1, parsed.Span2, label, place);
    }

    public static RelationExample Named(string text, string person1, string person2, string? label = null) =>
        new(text, person1, person2, null, null, label, new SourcePlace(File, 1, 1));

    public static MemoryStream Utf8(string text) => new(Encoding.UTF8.GetBytes(text));

    public static Dataset Read(string text, DatasetReadOptions? options = null) =>
        DatasetReader.Read(Utf8(text), File, options ?? new DatasetReadOptions());

    public static IReadOnlyList<RelationExample> Published(string part) =>
        DatasetReader.Read(Path.Combine(Golden.TrySharedPath("data/people-relation")!, $"{part}.csv"), new DatasetReadOptions()).Relations;
}
