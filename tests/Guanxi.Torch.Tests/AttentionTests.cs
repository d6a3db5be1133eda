using Guanxi.TestKit;
using Guanxi.Torch.Tests.Kernels;
using Xunit;

namespace Guanxi.Torch.Tests;

[Collection(KernelCheck.Collection)]
public sealed class AttentionTests
{
    private static readonly int[] Tree = [-1, 0, 0, 2, -1, 4, 3];

    public static TheoryData<DType, string> Cases()
    {
        var data = new TheoryData<DType, string>();
        foreach (var dtype in KernelCheck.DTypes)
        {
            foreach (var name in Named.Keys)
            {
                data.Add(dtype, name);
            }
        }

        return data;
    }

    private static Dictionary<string, Case> Named { get; } = new()
    {
        ["one token"] = new([1], 1, 1, 4, 0, false),
        ["short rows"] = new([5, 1, 17, 0, 2], 4, 2, 8, 0, false),
        ["odd sizes and a prefix"] = new([33, 1, 2, 25], 6, 3, 20, 7, false),
        ["blocks and a prefix"] = new([70, 26, 49], 4, 1, 64, 19, false),
        ["one query a row behind a long prefix"] = new([1, 1, 1], 2, 2, 16, 90, false),
        ["no groups"] = new([48, 31], 3, 3, 33, 0, false),
        ["trees"] = new([30, 1, 19], 4, 2, 16, 0, true),
        ["trees and a prefix"] = new([2, 0, 41], 2, 1, 24, 5, true),
        ["a window"] = new([33, 1, 70], 2, 1, 16, 0, false) { Window = 8 },
        ["a window, trees and a prefix"] = new([5, 1, 26], 4, 2, 8, 9, true) { Window = 7 },
        ["slopes and a prefix"] = new([30, 1, 50], 5, 5, 16, 11, false) { HasSlopes = true },
        ["slopes and trees"] = new([2, 0, 27], 6, 3, 8, 3, true) { HasSlopes = true },
        ["both directions"] = new([31, 1, 0, 50], 4, 4, 20, 0, false) { IsCausal = false },
        ["both directions and groups"] = new([16, 27], 6, 2, 16, 0, false) { IsCausal = false },
        ["both directions with dropout"] = new([30, 3, 130], 3, 3, 16, 0, false) { IsCausal = false, Dropout = 0.3 },
        ["dropout and a prefix"] = new([20, 1], 2, 1, 16, 6, false) { Dropout = 0.5 },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void The_fused_form_equals_the_composed_one_and_so_do_its_gradients(DType dtype, string name)
    {
        using var leaks = new LeakCheck();
        var what = Named[name];
        var expected = Run(what, dtype, composed: true);
        var found = Run(what, dtype, composed: false);
        for (var i = 0; i < expected.Length; i++)
        {
            // Sums of some hundred products in another order; with 16-bit elements the result is rounded once and the output, which the
            // backward reads, once more.
            var size = Math.Max(1, expected[i].Max(Math.Abs));
            KernelCheck.Near(KernelCheck.Doubles(expected[i]), found[i], size * ((KernelCheck.Rounding(dtype) * 3) + 3e-6), $"{name}, {i}");
        }
    }

    [Theory]
    [InlineData("short rows")]
    [InlineData("odd sizes and a prefix")]
    [InlineData("trees and a prefix")]
    [InlineData("a window, trees and a prefix")]
    [InlineData("slopes and trees")]
    [InlineData("both directions with dropout")]
    public void Every_level_and_number_of_threads_gives_the_same_bits(string name)
    {
        using var leaks = new LeakCheck();
        foreach (var dtype in KernelCheck.DTypes)
        {
            KernelCheck.SameEverywhere(() => [.. Run(Named[name], dtype, composed: false).SelectMany(values => values)]);
        }
    }

    [Theory]
    [InlineData(false, 0, false, true)]
    [InlineData(true, 0, false, true)]
    [InlineData(true, 3, true, true)]
    [InlineData(false, 0, false, false)]
    public void Gradients_equal_central_differences_of_the_definition_in_double_precision(bool tree, int window, bool slopes, bool causal)
    {
        using var leaks = new LeakCheck();
        var what = new Case([3, 2], 4, 2, 3, causal ? 2 : 0, tree) { Window = window, HasSlopes = slopes, IsCausal = causal };
        var inputs = what.Inputs();
        var found = Run(what, DType.Float32, composed: false);
        var at = inputs.SelectMany(KernelCheck.Doubles).ToArray();
        var weights = what.OutputWeights();
        var expected = KernelCheck.Gradient(at, values => Reference(what, values).Zip(weights, (y, w) => y * w).Sum());
        KernelCheck.Near(Reference(what, at), found[0], 1e-6, "output");
        // Single precision against double, values of about one.
        KernelCheck.Near(expected, [.. found[1..].SelectMany(values => values)], 3e-6, "gradients");
    }

    [Fact]
    public void A_row_does_not_see_the_rows_around_it()
    {
        using var leaks = new LeakCheck();
        var alone = Run(new([29], 2, 1, 16, 0, false), DType.Float32, composed: false);
        var first = Run(new([29, 40], 2, 1, 16, 0, false), DType.Float32, composed: false);
        KernelCheck.EqualBits(alone[0], first[0].AsSpan(0, alone[0].Length), "output");
    }

    [Fact]
    public void Scores_that_overflow_the_exponential_do_not_overflow_the_result()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        var query = Tensor.From<float>([300, 300], 2, 1, 1);
        var key = Tensor.From<float>([1, 2], 2, 1, 1);
        var value = Tensor.From<float>([5, 7], 2, 1, 1);
        var output = Functional.Attention(query, key, value, SequenceLayout.Rows([2], 0), AttentionPattern.Causal, null, null);
        Assert.Equal([5f, 7f], output.ToArray<float>());
    }

    [Fact]
    public void Shapes_that_do_not_fit_are_refused()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        var query = Tensor.Zeros([4, 3, 8], DType.Float32, Device.Cpu);
        var key = Tensor.Zeros([4, 2, 8], DType.Float32, Device.Cpu);
        var layout = SequenceLayout.Rows([4], 0);
        var causal = AttentionPattern.Causal;
        Assert.Contains("4 tokens", Refused(query, key, layout, causal, null));
        Refused(key, key, SequenceLayout.Rows([5], 0), causal, null);
        Refused(key, key, layout, causal, query);
        Assert.Contains("3 slopes", Refused(key, key, layout, causal with { Slopes = [1, 2, 3] }, null));
        Assert.Contains("both directions", Refused(key, key, layout, AttentionPattern.Bidirectional with { Window = 2 }, null));
        var tree = SequenceLayout.RowsWithTree([3], 0, [-1]);
        Assert.Contains("both directions", Refused(key, key, tree, AttentionPattern.Bidirectional, null));
    }

    [Fact]
    public void Slopes_of_other_numbers_of_heads_than_powers_of_two_are_those_of_the_original()
    {
        // From the definition (Press et al. 2021, section 3, and its footnote).
        Assert.Equal([0.25f, 0.0625f, 0.015625f, 0.00390625f], AttentionPattern.AlibiSlopes(4));
        Assert.Equal([0.25f, 0.0625f, 0.015625f, 0.00390625f, 0.5f], AttentionPattern.AlibiSlopes(5));
        var forty = AttentionPattern.AlibiSlopes(40);
        Assert.Equal(Math.Pow(2, -0.25), forty[0], 1e-7);
        Assert.Equal([.. Enumerable.Range(0, 8).Select(i => (float)Math.Pow(2, -0.125 * ((2 * i) + 1)))], forty[32..]);
        Assert.Equal([1f / 256], AttentionPattern.AlibiSlopes(1));
    }

    [Fact]
    public void A_mask_of_more_numbers_than_an_array_holds_is_refused_with_its_sizes()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        const int Tokens = 17_000;
        var heads = Tensor.Zeros([Tokens, 8, 1], DType.Float32, Device.Cpu);
        var pattern = AttentionPattern.Causal with { Slopes = AttentionPattern.AlibiSlopes(8) };
        var error = Assert.Throws<TorchException>(
            () => Functional.AttentionComposed(heads, heads, heads, SequenceLayout.Rows([Tokens], 0), pattern, null, null));
        Assert.Contains("8 heads over a row of 17000 tokens", error.Message, StringComparison.Ordinal);
    }

    private static string Refused(Tensor query, Tensor key, SequenceLayout layout, AttentionPattern pattern, Tensor? prefix) =>
        Assert.Throws<TorchException>(() => Functional.Attention(query, key, key, layout, pattern, prefix, prefix)).Message;

    // Output and gradients of query, key, value and, where there is one, of the prefix. The composed form computes in Float32 from the
    // same rounded numbers.
    private static float[][] Run(Case what, DType dtype, bool composed)
    {
        using var scope = TensorScope.Enter();
        var leaves = new List<Tensor>();
        foreach (var (values, shape) in what.Inputs().Zip(what.Shapes()))
        {
            var leaf = Tensor.From<float>(KernelCheck.Rounded(dtype, values), shape).To(composed ? DType.Float32 : dtype);
            leaf.RequiresGrad = true;
            leaves.Add(leaf);
        }

        var (prefixKey, prefixValue) = what.Prefix > 0 ? (leaves[3], leaves[4]) : (null, null);
        var layout = what.Layout();
        var output = composed
            ? Functional.AttentionComposed(leaves[0], leaves[1], leaves[2], layout, what.Pattern(), prefixKey, prefixValue)
            : Functional.Attention(leaves[0], leaves[1], leaves[2], layout, what.Pattern(), prefixKey, prefixValue);
        var weights = Tensor.From<float>(KernelCheck.Rounded(dtype, what.OutputWeights()), output.Shape.ToArray()).To(output.DType);
        Autograd.Backward([output], [weights]);
        return [.. leaves.Select(leaf => leaf.Grad!).Prepend(output.Detach()).Select(t => t.To(DType.Float32).ToArray<float>())];
    }

    // From the definition, token by token.
    private static double[] Reference(Case what, double[] values)
    {
        var parts = new List<double[]>();
        foreach (var input in what.Inputs())
        {
            parts.Add([.. values.Skip(parts.Sum(p => p.Length)).Take(input.Length)]);
        }

        var (heads, keyHeads, dim) = (what.Heads, what.KeyHeads, what.HeadDim);
        var layout = what.Layout();
        var output = new double[parts[0].Length];
        for (var row = 0; row < layout.RowCount; row++)
        {
            for (var i = 0; i < layout.RowLength(row); i++)
            {
                for (var head = 0; head < heads; head++)
                {
                    var start = layout.RowStarts[row];
                    var slope = what.Pattern().Slopes?[head] ?? 0;
                    var seen = Enumerable.Range(0, what.Prefix).Select(p => (Keys: parts[3], Values: parts[4], Token: p, Position: p))
                        .Concat(what.Seen(row, i).Select(
                            j => (Keys: parts[1], Values: parts[2], Token: start + j, Position: layout.Positions[start + j])))
                        .Select(s => (s.Keys, s.Values, s.Token, Distance: layout.Positions[start + i] - s.Position))
                        .Where(s => what.Window == 0 || s.Distance < what.Window)
                        .ToList();
                    var at = (((layout.RowStarts[row] + i) * heads) + head) * dim;
                    int Of(int token) => ((token * keyHeads) + (head / (heads / keyHeads))) * dim;
                    var powers = seen.Select(s => Math.Exp(
                        (Enumerable.Range(0, dim).Sum(d => parts[0][at + d] * s.Keys[Of(s.Token) + d]) / Math.Sqrt(dim))
                        - (slope * s.Distance))).ToArray();
                    for (var d = 0; d < dim; d++)
                    {
                        output[at + d] = seen.Zip(powers, (s, p) => p * s.Values[Of(s.Token) + d]).Sum() / powers.Sum();
                    }
                }
            }
        }

        return output;
    }

    public sealed record Case(int[] Lengths, int Heads, int KeyHeads, int HeadDim, int Prefix, bool HasTree)
    {
        public int Window { get; init; }

        public bool HasSlopes { get; init; }

        public bool IsCausal { get; init; } = true;

        public double Dropout { get; init; }

        public AttentionPattern Pattern() => new()
        {
            IsCausal = IsCausal,
            Window = Window,
            Slopes = HasSlopes ? AttentionPattern.AlibiSlopes(Heads) : null,
            Dropout = Dropout > 0 ? new AttentionDropout(Dropout, new DropoutKey(5, 1, 2), 7) : null,
        };

        public SequenceLayout Layout() =>
            HasTree ? SequenceLayout.RowsWithTree(Lengths, Prefix, Tree) : SequenceLayout.Rows(Lengths, Prefix);

        public IEnumerable<long[]> Shapes()
        {
            var tokens = Layout().TokenCount;
            long[][] own = [[tokens, Heads, HeadDim], [tokens, KeyHeads, HeadDim], [tokens, KeyHeads, HeadDim]];
            return Prefix == 0 ? own : [.. own, [Prefix, KeyHeads, HeadDim], [Prefix, KeyHeads, HeadDim]];
        }

        public float[][] Inputs() => [.. Shapes().Select((s, i) => KernelCheck.Random(i + 1, (int)(s[0] * s[1] * s[2]), 1.5))];

        public float[] OutputWeights() => KernelCheck.Random(9, Layout().TokenCount * Heads * HeadDim);

        public IEnumerable<int> Seen(int row, int query)
        {
            var plain = Lengths[row];
            var path = new HashSet<int>();
            for (var node = query - plain; node >= 0; node = Tree[node])
            {
                path.Add(plain + node);
            }

            return Enumerable.Range(0, IsCausal ? query + 1 : plain).Where(j => j < plain || path.Contains(j));
        }
    }
}
