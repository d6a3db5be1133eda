using System.Runtime.InteropServices;
using System.Text;
using Guanxi.TestKit;
using Guanxi.Torch;
using Guanxi.Transformers.Checkpoints;
using Xunit;

namespace Guanxi.Transformers.Tests.Checkpoints;

public sealed class SafetensorsFileTests
{
    [GoldenFact("golden/models/llama")]
    public void A_file_gives_names_shapes_and_places()
    {
        using var file = SafetensorsFile.Open(Golden.Locate("models/llama/hf/model.safetensors"));

        Assert.Equal("pt", Assert.Single(file.Metadata, item => item.Key == "format").Value);
        Assert.Equal(file.Entries.Values.OrderBy(entry => entry.Offset), file.Entries.Values);
        var head = file.Entries["lm_head.weight"];
        Assert.Equal((DType.Float32, 64_000L, 256_000L), (head.DType, head.ElementCount, head.ByteLength));
        Assert.Equal(file.Length, file.Entries.Values.Max(entry => entry.Offset + entry.ByteLength));
        Assert.Equal((ulong)file.Length, file.Buffer.ByteLength);
    }

    [GoldenFact("golden/quant/tables")]
    public void Elements_are_those_that_python_wrote()
    {
        using var file = SafetensorsFile.Open(Golden.Locate("quant/tables/tables.safetensors"));

        // The sixteen values of bitsandbytes' table.
        float[] nf4 =
        [
            -1.0f, -0.6961928009986877f, -0.5250730514526367f, -0.39491748809814453f, -0.28444138169288635f, -0.18477343022823334f,
            -0.09105003625154495f, 0f, 0.07958029955625534f, 0.16093020141124725f, 0.24611230194568634f, 0.33791524171829224f,
            0.44070982933044434f, 0.5626170039176941f, 0.7229568362236023f, 1.0f,
        ];
        Assert.Equal(nf4, file.Read<float>("nf4"));
        Assert.Equal(nf4, file.ReadSingles("nf4"));
        Assert.Equal(MemoryMarshal.AsBytes<float>(nf4).ToArray(), file.ReadBytes("nf4"));
    }

    [Theory]
    [InlineData("F64", "[2]", 16)]
    [InlineData("F32", "[2, 3]", 24)]
    [InlineData("F16", "[]", 2)]
    [InlineData("BF16", "[0]", 0)]
    [InlineData("I64", "[1, 1, 1, 1, 1]", 8)]
    [InlineData("I32", "[3]", 12)]
    [InlineData("I16", "[1]", 2)]
    [InlineData("I8", "[5]", 5)]
    [InlineData("U8", "[3, 0, 5]", 0)]
    [InlineData("BOOL", "[7]", 7)]
    public void Every_type_is_read(string dtype, string shape, int bytes)
    {
        using var opened = Open(Image($$"""{"a":{"dtype":"{{dtype}}","shape":{{shape}},"data_offsets":[0,{{bytes}}]} }""", bytes));
        Assert.Equal(bytes, opened.File.Entries["a"].ByteLength);
        Assert.Equal(Enumerable.Range(0, bytes).Select(i => (byte)i), opened.File.ReadBytes("a"));
    }

    [Fact]
    public void Half_precision_is_widened_exactly()
    {
        byte[] data = [0x00, 0x3C, 0x01, 0x00, 0x80, 0x3F, 0xC0, 0x7F];
        const string Header = """
            {"h":{"dtype":"F16","shape":[2],"data_offsets":[0,4]},"b":{"dtype":"BF16","shape":[2],"data_offsets":[4,8]}}
            """;
        using var opened = Open([.. Image(Header, 0), .. data]);

        // 1 and the least subnormal half, 2^-24; 1 and a NaN.
        Assert.Equal([1f, 5.9604645e-8f], opened.File.ReadSingles("h"));
        Assert.Equal([1f, float.NaN], opened.File.ReadSingles("b"));
        Assert.Equal([0x3F80, 0x7FC0], opened.File.Read<ushort>("b"));
    }

    [Fact]
    public void Another_type_or_name_than_stored_is_refused()
    {
        using var opened = Open(Image("""{"a":{"dtype":"I32","shape":[1],"data_offsets":[0,4]}}""", 4));
        Assert.Contains("Single", Assert.Throws<CheckpointException>(() => opened.File.Read<float>("a")).Message, StringComparison.Ordinal);
        Assert.Contains("'b'", Assert.Throws<CheckpointException>(() => opened.File.ReadBytes("b")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Names_come_in_the_order_of_their_bytes()
    {
        const string Header = """
            {"z":{"dtype":"I16","shape":[1],"data_offsets":[3,5]},"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},
            "m":{"dtype":"U8","shape":[0],"data_offsets":[3,3]}}
            """;
        using var opened = Open(Image(Header, 5));
        Assert.Equal(["a", "m", "z"], opened.File.Entries.Keys);
        Assert.Equal((Header.Length + 8 + 3) % 2 == 0, opened.File.Entries["z"].IsAligned);
        Assert.Equal([0x0403], opened.File.Read<short>("z"));
    }

    [Theory]
    [InlineData("{}", 0)]
    [InlineData("{}      ", 0)]
    [InlineData("""{"__metadata__":{"format":"pt","人":"物"}}""", 0)]
    [InlineData("""{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2],"new_key":[{"x":1}]}}""", 2)]
    public void What_the_reference_library_reads_is_read(string header, int dataBytes)
    {
        using var opened = Open(Image(header, dataBytes));
        Assert.Equal(dataBytes, opened.File.Entries.Values.Sum(entry => entry.ByteLength));
    }

    [Theory]
    [InlineData("""{"a":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2]}}""", "'F8_E4M3'")]
    [InlineData("""{"a":{"dtype":"U64","shape":[0],"data_offsets":[0,0]}}""", "'U64'")]
    [InlineData("""{"a":{"dtype":"f32","shape":[0],"data_offsets":[0,0]}}""", "'f32'")]
    [InlineData("""{"a":{"dtype":"U8","shape":[4194305,4194305,211106198978564],"data_offsets":[0,4]}}""", "overflows")]
    [InlineData("""{"a":{"dtype":"U8","shape":[0,9223372036854775807,9223372036854775807],"data_offsets":[0,0]}}""", "overflows")]
    [InlineData("""{"a":{"dtype":"F64","shape":[1152921504606846976],"data_offsets":[0,0]}}""", "overflows")]
    [InlineData("""{"a":{"dtype":"U8","shape":[8589934592],"data_offsets":[0,8589934592]}}""", "outside the data")]
    [InlineData("""{"a":{"dtype":"U8","shape":[9223372036854775808],"data_offsets":[0,0]}}""", "whole number")]
    [InlineData("""{"a":{"dtype":"U8","shape":[2.0],"data_offsets":[0,2]}}""", "whole number")]
    [InlineData("""{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,-2]}}""", "whole number")]
    [InlineData("""{"a":{"dtype":"U8","shape":["2"],"data_offsets":[0,2]}}""", "whole number")]
    [InlineData("""{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,1,2]}}""", "two data_offsets")]
    [InlineData("""{"a":{"dtype":"U8","shape":2,"data_offsets":[0,2]}}""", "StartArray")]
    [InlineData("""{"a":{"dtype":8,"shape":[2],"data_offsets":[0,2]}}""", "String")]
    [InlineData("""{"a":{"dtype":"U8","shape":[2]}}""", "data_offsets")]
    [InlineData("""{"a":{"dtype":"U8","dtype":"U8","shape":[2],"data_offsets":[0,2]}}""", "twice")]
    [InlineData("""{"a":[1]}""", "StartObject")]
    [InlineData("""{"__metadata__":{"n":1}}""", "String")]
    [InlineData("""{"__metadata__":{"n":"1","n":"2"}}""", "twice")]
    [InlineData("""{"__metadata__":{"n":"1"},"__metadata__":{"n":"2"}}""", "twice")]
    [InlineData("""{"\u0061":{"dtype":"U8","shape":[],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[],"data_offsets":[1,2]}}""", "twice")]
    [InlineData("""{"\ud800":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}""", "surrogate")]
    [InlineData("""{"__metadata__":{}} {}""", "JSON")]
    [InlineData("""{"__metadata__":{},}""", "JSON")]
    [InlineData("[]", "does not begin with '{'")]
    [InlineData(" {}", "does not begin with '{'")]
    public void A_header_that_breaks_a_rule_is_refused(string header, string what) =>
        Assert.Contains(what, Refuse(Image(header, 2)), StringComparison.Ordinal);

    [Fact]
    public void Deep_nesting_is_refused()
    {
        var deep = new string('[', 100_000) + new string(']', 100_000);
        Assert.Contains("JSON", Refuse(Image($$"""{"a":{"x":{{deep}}} }""", 0)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_shape_of_a_million_dimensions_is_refused_before_it_is_kept()
    {
        var ones = string.Join(',', Enumerable.Repeat('1', 1_000_000));
        var image = Image($$"""{"a":{"dtype":"U8","shape":[{{ones}}],"data_offsets":[0,1]} }""", 1);
        Assert.Contains("too long", Refuse(image), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(new byte[0])]
    [InlineData(new byte[] { 1, 0, 0, 0, 0, 0, 0 })]
    [InlineData(new byte[] { 0, 0, 0, 0, 0, 0, 0, 0 })]
    [InlineData(new byte[] { 3, 0, 0, 0, 0, 0, 0, 0, (byte)'{', (byte)'}' })]
    [InlineData(new byte[] { 255, 255, 255, 255, 255, 255, 255, 255, (byte)'{', (byte)'}' })]
    [InlineData(new byte[] { 3, 0, 0, 0, 0, 0, 0, 0, (byte)'{', (byte)'}', 0xFF })]
    [InlineData(new byte[] { 3, 0, 0, 0, 0, 0, 0, 0, (byte)'{', (byte)'}', 0 })]
    public void A_broken_beginning_is_refused(byte[] image) => Refuse(image);

    [GoldenTheory("golden/models/malicious")]
    [InlineData("backwards")]
    [InlineData("bad-json")]
    [InlineData("duplicate-key")]
    [InlineData("header-length")]
    [InlineData("hole")]
    [InlineData("negative-shape")]
    [InlineData("overlap")]
    [InlineData("shape-overflow")]
    [InlineData("size-mismatch")]
    [InlineData("trailing")]
    [InlineData("truncated")]
    [InlineData("unknown-dtype")]
    public void The_malicious_files_are_refused_by_name(string attack)
    {
        var path = Golden.Locate($"models/malicious/safetensors-{attack}.safetensors");
        var error = Assert.Throws<CheckpointException>(() => SafetensorsFile.Open(path));
        Assert.StartsWith(path, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_hundred_thousand_tensors_cost_little_memory()
    {
        var header = new StringBuilder("{");
        for (var i = 0; i < 100_000; i++)
        {
            header.Append(i == 0 ? "" : ",").Append($$"""
                "model.layers.{{i}}.self_attn.q_proj.weight":{"dtype":"F32","shape":[1,0],"data_offsets":[0,0]}
                """);
        }

        var image = Image(header.Append('}').ToString(), 0);
        using var folder = new TemporaryFolder();
        var path = folder.Add("a.safetensors", image);
        var before = GC.GetAllocatedBytesForCurrentThread();
        using var file = SafetensorsFile.Open(path);
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        Assert.Equal(100_000, file.Entries.Count);
        Assert.InRange(allocated, 0, image.Length + (64L << 20));
    }

    [Fact]
    public void A_missing_file_and_a_folder_are_refused_by_name()
    {
        using var folder = new TemporaryFolder();
        var error = Assert.Throws<CheckpointException>(() => SafetensorsFile.Open(folder["x"]));
        Assert.StartsWith(folder["x"], error.Message, StringComparison.Ordinal);
        Assert.Throws<CheckpointException>(() => SafetensorsFile.Open(folder.FullPath));
    }

    /// <summary>A file of that header and of data bytes 0, 1, 2...</summary>
    internal static byte[] Image(string header, int dataBytes)
    {
        var bytes = Encoding.UTF8.GetBytes(header);
        return [.. BitConverter.GetBytes((ulong)bytes.Length), .. bytes, .. Enumerable.Range(0, dataBytes).Select(i => (byte)i)];
    }

    private static string Refuse(byte[] image)
    {
        using var folder = new TemporaryFolder();
        var path = folder.Add("a.safetensors", image);
        var error = Assert.Throws<CheckpointException>(() => SafetensorsFile.Open(path));
        Assert.StartsWith(path, error.Message, StringComparison.Ordinal);
        return error.Message;
    }

    private static OpenedFile Open(byte[] image)
    {
        var folder = new TemporaryFolder();
        return new OpenedFile(folder, SafetensorsFile.Open(folder.Add("a.safetensors", image)));
    }

    private sealed record OpenedFile(TemporaryFolder Folder, SafetensorsFile File) : IDisposable
    {
        public void Dispose()
        {
            File.Dispose();
            Folder.Dispose();
        }
    }
}
