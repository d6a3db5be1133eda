using Guanxi.TestKit;
using Guanxi.Torch;
using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Nn;
using Guanxi.Transformers.Training;
using Xunit;

namespace Guanxi.Transformers.Tests.Training;

/// <summary>What a batch saves changes neither loss nor gradients: against rows padded, computed alone and at every position.</summary>
public sealed class BatchFormTests
{
    // Sums of another order in fp32; the golden models' own tolerance.
    private const double Tolerance = 1e-4;

    private static readonly NextTokenForm s_plain = new() { SharesPrefix = false, SupervisedOnly = false, PadsRows = true };

    // The prefix is longer than Mistral's window here; rows differ in length, and one goes on for a single token.
    private static readonly TokenSequence[] s_rows =
    [
        Row([.. Enumerable.Range(10, 12), 101, 102, 103, 104, 105, 106, 107], supervised: 3),
        Row([.. Enumerable.Range(10, 12), 201, 202, 203], supervised: 2),
        Row([.. Enumerable.Range(10, 12), 301, 302, 303, 304, 305], supervised: 1),
        Row([.. Enumerable.Range(10, 12), 401], supervised: 1),
        new([.. Enumerable.Range(10, 12), 501, 502], [.. Enumerable.Repeat(TokenSequence.Ignored, 14)]),
    ];

    public static TheoryData<string, string> Forms()
    {
        var data = new TheoryData<string, string>();
        foreach (var family in new[] { "llama", "baichuan-13b", "mistral", "qwen3", "baichuan2-7b" })
        {
            foreach (var form in new[] { "shared", "supervised", "unpadded", "all" })
            {
                data.Add(family, form);
            }
        }

        return data;
    }

    [GoldenTheory("golden/models")]
    [MemberData(nameof(Forms))]
    public void Loss_and_gradients_equal_the_plain_padded_ones(string family, string name)
    {
        using var leaks = new LeakCheck();
        using var model = Load(family);
        var form = name switch
        {
            "shared" => s_plain with { SharesPrefix = true },
            "supervised" => s_plain with { SupervisedOnly = true },
            "unpadded" => s_plain with { PadsRows = false },
            _ => new NextTokenForm(),
        };

        var (plainLoss, plain) = Run(model, s_plain, out var all);
        var (loss, saved) = Run(model, form, out var computed);

        Assert.Equal(plainLoss, loss, Tolerance);
        foreach (var (parameter, expected) in plain)
        {
            Close.Assert(expected, saved[parameter], Tolerance, parameter);
        }

        Assert.Equal(s_rows.Length * 19, all);

        // The fourth row learns its 13th token at its 12th, which so belongs to each row alone.
        Assert.Equal(name switch { "shared" => 11 + (s_rows.Length * 8), "supervised" => all, "unpadded" => 19 + 15 + 17 + 13 + 14, _ => 11 + 8 + 4 + 6 + 2 + 3 }, computed);
    }

    [GoldenFact("golden/models/llama")]
    public void What_is_learnt_is_never_part_of_what_is_shared()
    {
        using var model = Load("llama");
        TokenSequence[] rows = [TokenSequence.Unmasked([.. Enumerable.Range(10, 12)]), TokenSequence.Unmasked([.. Enumerable.Range(10, 12)])];

        Assert.Equal(24, new NextTokenBatch(model, rows, new NextTokenForm()).ComputedTokenCount);
        Assert.Equal(24, new NextTokenBatch(model, rows, new NextTokenForm()).TokenCount);
    }

    private static TokenSequence Row(int[] tokens, int supervised) =>
        new(tokens, [.. tokens.Select((token, at) => at < tokens.Length - supervised ? TokenSequence.Ignored : token)]);

    private static Decoder Load(string family)
    {
        var folder = Golden.Locate($"models/{family}/hf");
        var config = DecoderConfig.Read(folder);
        using var reader = CheckpointReader.Open(folder);
        var model = new Decoder(
            family.StartsWith("baichuan2", StringComparison.Ordinal) ? config with { HasNormHead = true } : config,
            new CheckpointWeights(reader, new WeightLoading { StorageType = DType.Float32 }));
        foreach (var (_, parameter) in model.NamedParameters())
        {
            parameter.IsTrainable = true;
        }

        return model;
    }

    private static (double Loss, Dictionary<string, float[]> Gradients) Run(Decoder model, NextTokenForm form, out int computed)
    {
        using var scope = TensorScope.Enter();
        var batch = new NextTokenBatch(model, s_rows, form);
        var loss = batch.LossSum(new ForwardContext(DType.Float32, new DropoutKey(0, 0, 0)));
        loss.Backward();
        computed = batch.ComputedTokenCount;
        var gradients = model.NamedParameters().ToDictionary(item => item.Name, item => item.Parameter.Value.Grad!.ToArray<float>());
        foreach (var (_, parameter) in model.NamedParameters())
        {
            parameter.Value.Grad = null;
        }

        return (loss.Item(), gradients);
    }
}
