using Guanxi.TestKit;
using Guanxi.Torch;
using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Nn;
using Guanxi.Transformers.Peft;
using Guanxi.Transformers.Tests.Checkpoints;
using Xunit;

namespace Guanxi.Transformers.Tests.Peft;

/// <summary>A merged model answers as the unmerged one does, whatever its base is stored in.</summary>
public sealed class AdapterMergeTests
{
    // Of logits of size ten. In half precision every merged weight is rounded once, by 2^-9 or 2^-12 of it; in fp32 only sums differ.
    [Theory]
    [InlineData(DType.Float32, WeightStorage.AsStored, null, false, 5e-5)]
    [InlineData(DType.Float32, WeightStorage.AsStored, null, true, 5e-5)]
    [InlineData(DType.Float16, WeightStorage.AsStored, null, false, 0.02)]
    [InlineData(DType.BFloat16, WeightStorage.AsStored, null, false, 0.2)]
    [InlineData(DType.BFloat16, WeightStorage.AsStored, DType.Float32, false, 5e-5)]
    [InlineData(DType.BFloat16, WeightStorage.AsStored, DType.Float32, true, 5e-5)]
    [InlineData(DType.BFloat16, WeightStorage.Nf4, DType.Float32, false, 5e-5)]
    [InlineData(DType.Float32, WeightStorage.Nf4, DType.Float32, true, 5e-5)]
    public void A_merged_model_answers_as_the_unmerged_one(
        DType stored, WeightStorage storage, DType? merged, bool useDora, double tolerance)
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var mode = Autograd.NoGrad();
        using var folder = new TemporaryFolder();
        using (var tiny = TinyModel.Make(TinyModel.Config(1), stored))
        {
            ModelWriter.Write(tiny, folder.FullPath, null, ModelWriter.DefaultShardBytes);
        }

        using var model = LanguageModel.Load(folder.FullPath, new LanguageModelOptions { Storage = storage });
        var before = TinyModel.Logits(model.Decoder);
        var adapter = AdapterModel.Start(
            model.Decoder, new LoraConfig { Rank = 4, TargetModules = ModuleSelector.AllLinear, UseDora = useDora }, seed: 5);
        foreach (var (_, parameter) in adapter.Trainable)
        {
            parameter.Value.AddInPlace(Tensor.Empty(parameter.Value.Shape, DType.Float32, Device.Cpu).NormalInPlace(0, 1), 0.15);
        }

        var unmerged = TinyModel.Logits(model.Decoder);

        using var written = new TemporaryFolder();
        ModelWriter.Write(model.Decoder, written.FullPath, merged, ModelWriter.DefaultShardBytes);
        using var again = LanguageModel.Load(written.FullPath, new LanguageModelOptions());

        Close.Assert(unmerged, TinyModel.Logits(again.Decoder), tolerance, "merged");
        Assert.True((before - unmerged).Abs().Max().Item() > 5 * tolerance, "the adapter does nothing");
        Assert.All(
            again.Decoder.NamedModules(string.Empty).Where(item => item.Part is Linear && item.Path != "lm_head"),
            item => Assert.Equal(merged ?? stored, ((Linear)item.Part).Weight.StorageType));
    }
}
