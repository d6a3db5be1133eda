using Guanxi.TestKit;
using Guanxi.Torch;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Nn;
using Guanxi.Transformers.Peft;
using Xunit;

namespace Guanxi.Transformers.Tests.Peft;

/// <summary>One folder of golden/peft: an adapter and what PEFT computed with it.</summary>
internal sealed class PeftCase : IDisposable
{
    private readonly string _name;

    public PeftCase(string name)
    {
        using var scope = TensorScope.Enter();
        _name = name;
        Expected = new GoldenFile($"peft/{name}/expected.safetensors");
        var ids = Expected["ids"];
        var (all, labels, width) = (ids.ToArray<long>(), Expected["labels"].ToArray<long>(), (int)ids.Size(1));
        Batch = TokenBatch.Of([.. all.Select(id => (int)id).Chunk(width)]);
        Places = [.. Enumerable.Range(0, all.Length).Where(i => (i + 1) % width != 0 && labels[i + 1] != -100)];
        Targets = [.. Places.Select(i => labels[i + 1])];
    }

    public static string Base => Golden.Locate("peft/base");

    public GoldenFile Expected { get; }

    public string Adapter => Golden.Locate($"peft/{_name}/adapter");

    public TokenBatch Batch { get; }

    /// <summary>Tokens that predict a supervised one.</summary>
    public int[] Places { get; }

    public long[] Targets { get; }

    public LanguageModelOptions Options => new()
    {
        BaseModel = _name.StartsWith("baichuan", StringComparison.Ordinal) ? Golden.Locate("peft/base_baichuan") : Base,
    };

    /// <summary>Logits of all tokens, [rows, width, V].</summary>
    public Tensor Logits(Decoder model, ForwardContext context) =>
        model.Logits(model.Forward(Batch, context), context).View(Expected["logits"].Shape);

    /// <summary>The loss as transformers computes it, with a graph behind it.</summary>
    public Tensor Loss(Decoder model)
    {
        var context = new ForwardContext(DType.Float32, new DropoutKey(0, 0, 0));
        var logits = model.Logits(model.Forward(Batch with { OutputRows = Places }, context), context);
        return Functional.CrossEntropySum(logits, Tensor.From<long>(Targets, Targets.Length), 0) / Targets.Length;
    }

    /// <summary>Asserts loss and gradients: the golden data has one for everything that trains, and for nothing else.</summary>
    public void AssertTraining(Decoder model, AdapterModel adapter, double lossTolerance, double share)
    {
        var loss = Loss(model);
        loss.Backward();

        Close.Assert(Expected["loss"], loss.View(1), lossTolerance, "loss");
        var trainable = adapter.Trainable;
        Assert.Equal(
            Expected.Names.Where(name => name.StartsWith("grad.", StringComparison.Ordinal)).Order(StringComparer.Ordinal),
            trainable.Select(item => "grad." + item.Name).Order(StringComparer.Ordinal));
        foreach (var (name, parameter) in trainable)
        {
            var expected = Expected["grad." + name];
            Close.Assert(expected, parameter.Value.Grad!, share * expected.Abs().Max().Item(), name);
        }
    }

    public void Dispose() => Expected.Dispose();
}
