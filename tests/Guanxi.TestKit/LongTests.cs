using Xunit;

namespace Guanxi.TestKit;

/// <summary>Tests that take minutes run only when they are asked for: <c>./test --long</c>.</summary>
public static class LongTests
{
    /// <summary>Name and value of the trait of such tests.</summary>
    public const string Trait = "Category";

    /// <summary>Value of <see cref="Trait"/>.</summary>
    public const string Long = "Long";

    /// <summary>Whether they were asked for.</summary>
    public static bool AreOn { get; } = Environment.GetEnvironmentVariable("GUANXI_TEST_LONG") is "1";

    /// <summary>How often something is tried.</summary>
    /// <param name="few">As a rule.</param>
    /// <param name="many">When long tests were asked for.</param>
    public static int Count(int few, int many) => AreOn ? many : few;
}

/// <summary>A fact that takes minutes; it counts as skipped unless long tests were asked for.</summary>
public sealed class LongFactAttribute : FactAttribute
{
    /// <summary>Skips unless long tests were asked for.</summary>
    public LongFactAttribute() => Skip = LongTests.AreOn ? null : "a long test: ./test --long runs it";
}

/// <summary>A theory that takes minutes; see <see cref="LongFactAttribute"/>.</summary>
public sealed class LongTheoryAttribute : TheoryAttribute
{
    /// <summary>Skips unless long tests were asked for.</summary>
    public LongTheoryAttribute() => Skip = LongTests.AreOn ? null : "a long test: ./test --long runs it";
}
