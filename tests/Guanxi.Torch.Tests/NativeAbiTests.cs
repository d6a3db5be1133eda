using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using Guanxi.TestKit;
using Xunit;

namespace Guanxi.Torch.Tests;

/// <summary>The C# side of the ABI against the header: a difference would corrupt memory at run time, not fail to compile.</summary>
public sealed partial class NativeAbiTests
{
    private const string SampleHeader =
        """
        /* GX_API int32_t gx_commented(void); */
        #define GX_API __attribute__((visibility("default")))
        typedef int32_t (*gx_callback)(int64_t context, void** values, int32_t count);
        GX_API const char* gx_text(void);
        GX_API int32_t gx_all(int32_t a, int64_t b, uint8_t c, double d, float e, void* handle,
                              void* const* list, const int64_t* sizes, gx_pair* pair, gx_callback callback, void** made);
        GX_API void gx_free(void* handle);
        """;

    private const string SampleImports =
        """
        [LibraryImport(Library)]
        internal static partial byte* gx_text();

        [LibraryImport(Library)]
        internal static partial int gx_all(
            int a, long b, byte c, double d, float e, TensorHandle handle, nint* list, in long sizes, ref NativePair pair,
            delegate* unmanaged[Cdecl]<long, nint*, int, int> callback, out nint made);

        [LibraryImport(Library, SetLastError = true)]
        private static unsafe partial void gx_free(nint handle);
        """;

    [Fact]
    public void Every_function_of_the_header_is_imported_as_it_is_declared()
    {
        var header = NativeAbi.ReadHeader(ReadHeaderText());
        var imports = Directory.EnumerateFiles(Path.Combine(Golden.RepositoryRoot, "src", "Guanxi.Torch"), "*.cs")
            .SelectMany(file => NativeAbi.ReadImports(File.ReadAllText(file)))
            .ToList();

        Assert.NotEmpty(header);
        Assert.Empty(NativeAbi.Differences(header, imports));
    }

    [Fact]
    public void Every_function_marked_in_the_header_is_read()
    {
        var marks = Regex.Count(NativeAbi.CommentPattern().Replace(ReadHeaderText(), " "), @"\bGX_API\b");

        Assert.Equal(marks, NativeAbi.ReadHeader(ReadHeaderText()).Count);
    }

    [Theory]
    [InlineData("gx_value", typeof(NativeValue))]
    [InlineData("gx_tensor_info", typeof(NativeTensorInfo))]
    public void A_struct_has_the_layout_of_the_header(string name, Type type)
    {
        var (fields, size) = ReadStruct(ReadHeaderText(), name);

        Assert.Equal(size, Marshal.SizeOf(type));
        foreach (var (field, offset) in fields.Where(field => !field.Name.StartsWith("reserved", StringComparison.Ordinal)))
        {
            var mirror = type.GetFields().Single(candidate => candidate.Name.Equals(NativeAbi.PascalCase(field), StringComparison.OrdinalIgnoreCase));
            Assert.Equal((field, offset), (field, (int)Marshal.OffsetOf(type, mirror.Name)));
        }
    }

    [Fact]
    public void Every_tag_has_the_value_of_the_header()
    {
        var tags = EnumEntryPattern().Matches(EnumPattern().Match(ReadHeaderText()).Value)
            .ToDictionary(match => NativeAbi.PascalCase(match.Groups["name"].Value), match => Number(match.Groups["value"].Value));

        Assert.NotEmpty(tags);
        Assert.Equal(tags.OrderBy(tag => tag.Value), Enum.GetValues<NativeTag>().ToDictionary(tag => tag.ToString(), tag => (int)tag).OrderBy(tag => tag.Value));
    }

    [Fact]
    public void The_loader_expects_the_version_of_the_header()
    {
        var expected = typeof(NativeLoader).GetField("ExpectedAbi", BindingFlags.NonPublic | BindingFlags.Static)!.GetRawConstantValue();

        Assert.Equal(Number(Regex.Match(ReadHeaderText(), @"#define GX_ABI_VERSION (\d+)").Groups[1].Value), expected);
    }

    [Fact]
    public void Signatures_are_read_from_both_languages_alike()
    {
        string[] parameters =
        [
            "int32", "int64", "uint8", "double", "float", "pointer", "pointer to pointer", "pointer to int64", "pointer to NativePair",
            "callback int32(int64, pointer to pointer, int32)", "pointer to pointer",
        ];

        var header = NativeAbi.ReadHeader(SampleHeader);
        Assert.Equal(["gx_text", "gx_all", "gx_free"], header.Select(function => function.Name));
        Assert.Equal(parameters, header[1].Parameters);
        Assert.Equal(parameters, NativeAbi.ReadImports(SampleImports)[1].Parameters);
        Assert.Empty(NativeAbi.Differences(header, NativeAbi.ReadImports(SampleImports)));
    }

    [Theory]
    [InlineData("int a, long b", "int a, int b", "gx_all, parameter 2: int64 in the header and int32 in C#")]
    [InlineData("byte c", "bool c", "gx_all, parameter 3: uint8 in the header and unknown 'bool' in C#")]
    [InlineData("in long sizes", "in int sizes", "gx_all, parameter 8: pointer to int64 in the header and pointer to int32 in C#")]
    [InlineData("TensorHandle handle", "long handle", "gx_all, parameter 6: pointer in the header and int64 in C#")]
    [InlineData("<long, nint*, int, int>", "<long, nint*, long, int>", "parameter 10: callback int32(int64, pointer to pointer, int32) in the header")]
    [InlineData("float e, ", "", "gx_all has 11 parameters in the header and 10 in C#")]
    [InlineData("partial int gx_all", "partial void gx_all", "gx_all returns int32 in the header and void in C#")]
    [InlineData("gx_text", "gx_texts", "gx_text is in the header, but not imported")]
    [InlineData("gx_text", "gx_texts", "gx_texts is imported, but the header has no such function")]
    [InlineData("void gx_free", "void gx_text", "gx_text is imported 2 times")]
    public void A_difference_is_found(string right, string wrong, string expected)
    {
        Assert.Contains(right, SampleImports, StringComparison.Ordinal);
        var imports = NativeAbi.ReadImports(SampleImports.Replace(right, wrong, StringComparison.Ordinal));

        Assert.Contains(NativeAbi.Differences(NativeAbi.ReadHeader(SampleHeader), imports), difference => difference.Contains(expected, StringComparison.Ordinal));
    }

    [Fact]
    public void A_struct_is_laid_out_as_C_does_it()
    {
        var (fields, size) = ReadStruct("typedef struct gx_pair { uint8_t flag; void* data; int32_t count; uint8_t rest[5]; } gx_pair;", "gx_pair");

        Assert.Equal([("flag", 0), ("data", 8), ("count", 16), ("rest", 20)], fields);
        Assert.Equal(32, size);
    }

    private static string ReadHeaderText() => File.ReadAllText(Path.Combine(Golden.RepositoryRoot, "native", "guanxi_torch.h"));

    private static (List<(string Name, int Offset)> Fields, int Size) ReadStruct(string header, string name)
    {
        var body = Regex.Match(NativeAbi.CommentPattern().Replace(header, " "), $@"struct\s+{name}\s*\{{(?<body>[^}}]*)\}}").Groups["body"].Value;
        var fields = new List<(string, int)>();
        var offset = 0;
        var widest = 1;
        foreach (Match match in FieldPattern().Matches(body))
        {
            var size = match.Groups["star"].Success ? 8 : match.Groups["type"].Value switch { "uint8_t" => 1, "int32_t" or "float" => 4, _ => 8 };
            offset = RoundUp(offset, size);
            fields.Add((match.Groups["name"].Value, offset));
            offset += size * (match.Groups["count"].Success ? Number(match.Groups["count"].Value) : 1);
            widest = Math.Max(widest, size);
        }

        return (fields, RoundUp(offset, widest));
    }

    private static int RoundUp(int value, int multiple) => (value + multiple - 1) / multiple * multiple;

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"(?<type>\w+)\s*(?<star>\*)?\s+(?<name>\w+)(?:\[(?<count>\d+)\])?;")]
    private static partial Regex FieldPattern();

    [GeneratedRegex(@"enum\s+gx_tag\s*\{[^}]*\}")]
    private static partial Regex EnumPattern();

    [GeneratedRegex(@"GX_(?<name>\w+)\s*=\s*(?<value>\d+)")]
    private static partial Regex EnumEntryPattern();
}
