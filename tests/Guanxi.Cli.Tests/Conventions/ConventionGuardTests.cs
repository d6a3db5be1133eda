using Xunit;

namespace Guanxi.Cli.Tests.Conventions;

/// <summary>Every convention rule on a sample that breaks it and on one that only looks as if it did.</summary>
public sealed class ConventionGuardTests
{
    private const string Library = "src/Guanxi.Torch/A.cs";
    private const string Engine = "src/Guanxi.Transformers/A.cs";
    private const string Program = "src/Guanxi.Cli/A.cs";

    [Theory]
    [InlineData(400, 0)]
    [InlineData(401, 1)]
    [InlineData(601, 1)]
    public void A_long_file_is_found(int lines, int complaints) =>
        Assert.Equal(complaints, SourceRules.FileSize(Library, string.Concat(Enumerable.Repeat("x\n", lines))).Count());

    [Theory]
    [InlineData("void M()\n{\n", "}", 87, 0)]
    [InlineData("void M()\n{\n", "}", 88, 1)]
    [InlineData("int P => Compute(\n", ");", 89, 1)]
    [InlineData("private static readonly int[] s_table =\n{\n", "};", 200, 0)]
    public void A_long_method_is_found(string head, string tail, int bodyLines, int complaints)
    {
        var body = string.Concat(Enumerable.Repeat("call(\"}\"),\n", bodyLines));
        var source = $"namespace A;\n\n/// <summary>{{</summary>\npublic sealed class B\n{{\n    private int _x;\n\n{head}{body}{tail}\n}}\n";

        Assert.Equal(complaints, SourceRules.MethodSize(Library, source).Count());
    }

    [Fact]
    public void Members_are_measured_by_name_and_line()
    {
        const string Source =
            """
            namespace A
            {
                internal sealed record R(int X);

                public static class C<T>
                    where T : class
                {
                    private static readonly Dictionary<int, int[]> s_map = new() { [1] = [2] };

                    public static int Sum(int a, int b)
                    {
                        if (a > b) { return 1; }
                        return new[] { a, b }.Sum();
                    }

                    public static string Name { get; } = $"{{{nameof(C<T>)}}} {"}"}";

                    private struct Inner
                    {
                        public int Twice() => 2;
                    }
                }
            }
            """;
        var members = MethodLengths.Measure(CSharpText.Blank(Source)).ToDictionary(member => member.Name);

        Assert.Equal((10, 5), (members["Sum"].FirstLine, members["Sum"].Lines));
        Assert.Equal((20, 1), (members["Twice"].FirstLine, members["Twice"].Lines));
        Assert.DoesNotContain("s_map", members.Keys);
    }

    [Theory]
    [InlineData("a // b\nc", "a     \nc")]
    [InlineData("a /* b\n c */ d", "a     \n      d")]
    [InlineData("""f("a // b", 'c', '"', "\"") + g""", "f(        ,    ,    ,     ) + g")]
    [InlineData("""x = @"a""b\"; y""", "x =         ; y")]
    [InlineData("""x = $"a{{ {M("}")} b"; y""", "x =                  ; y")]
    [InlineData("x = \"\"\"\n a \" }\n \"\"\"; y", "x =    \n      \n    ; y")]
    [InlineData("1'000'000 + x", "1     000 + x")]
    [InlineData("x = \"\"; y", "x =   ; y")]
    public void Comments_and_literals_are_blanked(string source, string expected) => Assert.Equal(expected, CSharpText.Blank(source));

    [Theory]
    [InlineData("// TODO: later", 1)]
    [InlineData("throw new NotImplementedException();", 1)]
    [InlineData("/* FIXME and HACK */", 2)]
    [InlineData("var todoList = new HackneyCarriage();", 0)]
    public void Unfinished_work_is_found(string source, int complaints) => Assert.Equal(complaints, SourceRules.UnfinishedWork(Library, source).Count());

    [Theory]
    [InlineData("throw new Exception(\"x\");", 1)]
    [InlineData("throw new System.Exception();", 1)]
    [InlineData("throw new TorchException(\"x\"); // not throw new Exception(", 0)]
    public void A_bare_exception_is_found(string source, int complaints) => Assert.Equal(complaints, SourceRules.BareException(Library, source).Count());

    [Theory]
    [InlineData("Environment.Exit(1);", 1)]
    [InlineData("Environment.FailFast(null);", 1)]
    [InlineData("Environment.ExitCode = 1;", 0)]
    public void Ending_the_process_is_found(string source, int complaints) => Assert.Equal(complaints, SourceRules.ProcessExit(Program, source).Count());

    [Theory]
    [InlineData(Library, "Console.WriteLine(1);", 1)]
    [InlineData(Library, "System.Console.Error.Write(1);", 1)]
    [InlineData(Library, "log(\"Console.WriteLine\"); // Console.Out", 0)]
    [InlineData(Program, "Console.WriteLine(1);", 0)]
    public void Printing_in_a_library_is_found(string path, string source, int complaints) =>
        Assert.Equal(complaints, SourceRules.LibraryConsole(path, source).Count());

    [Theory]
    [InlineData(Library, "var t = DateTime.UtcNow;", 1)]
    [InlineData(Library, "var t = DateTimeOffset.Now;", 1)]
    [InlineData(Library, "var t = clock.GetUtcNow(); DateTime.Parse(x);", 0)]
    [InlineData(Program, "var t = DateTime.Now;", 0)]
    public void Reading_the_clock_in_a_library_is_found(string path, string source, int complaints) =>
        Assert.Equal(complaints, SourceRules.LibraryClock(path, source).Count());

    [Theory]
    [InlineData(Engine, "unsafe { }", 1)]
    [InlineData(Engine, "// unsafe\nUnsafe.As<int>(x);", 0)]
    [InlineData("src/Guanxi.Cli/Guanxi.Cli.csproj", "<AllowUnsafeBlocks>true</AllowUnsafeBlocks>", 1)]
    [InlineData(Library, "unsafe { }", 0)]
    public void Unsafe_code_elsewhere_is_found(string path, string source, int complaints) =>
        Assert.Equal(complaints, SourceRules.UnsafeCode(path, source).Count());

    [Theory]
    [InlineData("see /" + "work/x.txt", 1)]
    [InlineData("\"/" + "home/me/a\" and '/" + "root/b'", 2)]
    [InlineData("https://example.org/home/page, ~/" + "work/a, ../" + "work/b, /workshop/c, $HOME/x", 0)]
    public void A_machine_path_is_found(string text, int complaints) => Assert.Equal(complaints, SourceRules.MachinePath("docs/a.md", text).Count());

    [Theory]
    [InlineData("public class A { }", 1)]
    [InlineData("public record A(int X);", 1)]
    [InlineData("    public partial class A { }", 1)]
    [InlineData("public sealed class A { }\npublic static partial class B { }\npublic abstract record C;", 0)]
    [InlineData("public readonly record struct A(int X);\npublic record struct B;\npublic interface IC { }\npublic enum D { }\ninternal class E { }", 0)]
    [InlineData("// public class A\nvar x = \"public class B\";", 0)]
    public void An_open_type_is_found(string source, int complaints) => Assert.Equal(complaints, SourceRules.OpenTypes([(Library, source)]).Count());

    [Fact]
    public void One_part_of_a_type_may_close_it_for_all()
    {
        Assert.Empty(SourceRules.OpenTypes([("a.cs", "public partial class A { }"), ("b.cs", "public sealed partial class A { }")]));
    }

    [Theory]
    [InlineData("src/Guanxi.Torch/Guanxi.Torch.csproj", "../Guanxi.Transformers/Guanxi.Transformers.csproj", 1)]
    [InlineData("src/Guanxi.Relations/Guanxi.Relations.csproj", "..\\Guanxi.Cli\\Guanxi.Cli.csproj", 1)]
    [InlineData("src/Guanxi.Cli/Guanxi.Cli.csproj", "../Guanxi.Elsewhere/Guanxi.Elsewhere.csproj", 1)]
    [InlineData("src/Guanxi.Cli/Guanxi.Cli.csproj", "../Guanxi.Relations/Guanxi.Relations.csproj", 0)]
    public void A_reference_against_the_direction_is_found(string path, string target, int complaints) =>
        Assert.Equal(complaints, SourceRules.ProjectDirection(path, $"<ProjectReference Include=\"{target}\" />").Count());
}
