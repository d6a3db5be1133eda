using Guanxi.TestKit;
using Guanxi.Torch;
using Guanxi.Transformers.Checkpoints;
using Guanxi.Transformers.Models;
using Guanxi.Transformers.Nn;
using Guanxi.Transformers.Peft;
using Guanxi.Transformers.Tests.Checkpoints;
using Xunit;

namespace Guanxi.Transformers.Tests.Models;

public sealed class LanguageModelTests
{
    private static readonly string s_tokenizerFolder = Path.Combine(Golden.RepositoryRoot, "assets", "base-zh");

    [Fact]
    public void A_folder_without_tokenizer_serves_ids_and_tells_why_it_cannot_serve_text()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var folder = Tiny(DType.Float32);

        using var model = LanguageModel.Load(folder.FullPath, new LanguageModelOptions());

        Assert.Equal(50, TinyModel.Logits(model.Decoder).Size(1));
        Assert.Null(model.Tokenizer);
        var error = Assert.Throws<CheckpointException>(() => model.RequireTokenizer());
        Assert.Contains("no tokenizer", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_tokenizer_of_the_adapter_comes_before_that_of_the_base()
    {
        using var leaks = new LeakCheck();
        using var folder = Tiny(DType.Float32);
        var adapter = WriteAdapter(folder, "..");
        CopyTokenizer(folder.FullPath);
        using (var model = LanguageModel.Load(adapter, new LanguageModelOptions()))
        {
            Assert.Same(model.Tokenizer, model.RequireTokenizer());
        }

        File.WriteAllBytes(Path.Combine(adapter, "tokenizer.model"), [1, 2, 3]);
        using var damaged = LanguageModel.Load(adapter, new LanguageModelOptions());

        var error = Assert.Throws<CheckpointException>(() => damaged.RequireTokenizer());
        Assert.Contains(adapter, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_base_of_an_adapter_is_found_beside_it_or_where_the_caller_says()
    {
        using var leaks = new LeakCheck();
        using var folder = Tiny(DType.Float32);
        var beside = WriteAdapter(folder, "..");
        var nowhere = WriteAdapter(folder, "someone/some-model");

        using var found = LanguageModel.Load(beside, new LanguageModelOptions());
        using var named = LanguageModel.Load(nowhere, new LanguageModelOptions { BaseModel = folder.FullPath });

        Assert.NotNull(found.Adapter);
        Assert.Equal(beside, found.AdapterFolder);
        Assert.Equal(folder.FullPath, named.BaseFolder);
        var error = Assert.Throws<CheckpointException>(() => LanguageModel.Load(nowhere, new LanguageModelOptions()));
        Assert.Contains("someone/some-model", error.Message, StringComparison.Ordinal);
        Assert.Contains("the base model of the adapter is not here", error.Message, StringComparison.Ordinal);
        error = Assert.Throws<CheckpointException>(() => LanguageModel.Load(nowhere, new LanguageModelOptions { BaseModel = beside }));
        Assert.Contains("itself an adapter", error.Message, StringComparison.Ordinal);
        error = Assert.Throws<CheckpointException>(() => LanguageModel.Load(WriteAdapter(folder, null), new LanguageModelOptions()));
        Assert.Contains("does not say which base", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_no_model_is_refused_by_name()
    {
        using var folder = new TemporaryFolder();
        var file = folder.Add("model.xyz", "text");

        (string Path, string Found)[] cases =
        [
            (folder["absent"], "nothing"), (file, "a file"), (folder.FullPath, "a folder without either"),
        ];
        foreach (var (path, found) in cases)
        {
            var error = Assert.Throws<CheckpointException>(() => LanguageModel.Load(path, new LanguageModelOptions()));
            Assert.Equal((path, found), (Assert.Single(error.Problems).Where, error.Problems[0].Found));
        }
    }

    [Fact]
    public void A_checkpoint_that_does_not_fit_its_configuration_is_told_in_full_and_leaves_nothing_open()
    {
        using var leaks = new LeakCheck();
        using var folder = Tiny(DType.Float32);
        (TinyModel.Config(2) with { VocabularySize = 51 }).Write(folder.FullPath);

        var error = Assert.Throws<CheckpointException>(() => LanguageModel.Load(folder.FullPath, new LanguageModelOptions()));

        // Embedding and head of another shape, and the nine tensors of a second layer.
        Assert.Equal(11, error.Problems.Count);
    }

    [Fact]
    public void A_second_copy_of_a_tied_head_is_passed_over()
    {
        using var leaks = new LeakCheck();
        using var folder = Tiny(DType.Float32);
        (TinyModel.Config(1) with { TieWordEmbeddings = true }).Write(folder.FullPath);

        using var model = LanguageModel.Load(folder.FullPath, new LanguageModelOptions());

        Assert.DoesNotContain(model.Decoder.NamedParameters(), item => item.Name == "lm_head.weight");
    }

    [Theory]
    [InlineData(WeightStorage.AsStored, DType.BFloat16)]
    [InlineData(WeightStorage.Float32, DType.Float32)]
    public void Weights_stay_in_the_form_that_was_asked_for(WeightStorage storage, DType expected)
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var folder = Tiny(DType.BFloat16);
        using var model = LanguageModel.Load(folder.FullPath, new LanguageModelOptions { Storage = storage });
        using var reference = TinyModel.Make(TinyModel.Config(1), DType.BFloat16);

        Assert.All(model.Decoder.NamedParameters(), item => Assert.Equal(expected, item.Parameter.Value.DType));
        using var mode = Autograd.NoGrad();
        Close.Assert(TinyModel.Logits(reference), TinyModel.Logits(model.Decoder), 0, "logits");
    }

    [Fact]
    public void Weights_for_training_are_memory_of_their_own()
    {
        using var leaks = new LeakCheck();
        using var folder = Tiny(DType.Float32);
        var before = File.ReadAllBytes(folder["model.safetensors"]);
        using (var model = LanguageModel.Load(folder.FullPath, new LanguageModelOptions { Storage = WeightStorage.Float32 }))
        {
            foreach (var (_, parameter) in model.Decoder.NamedParameters())
            {
                using var scope = TensorScope.Enter();
                parameter.Value.CopyInPlace(Tensor.From([1f], 1));
            }
        }

        Assert.Equal(before, File.ReadAllBytes(folder["model.safetensors"]));
    }

    [Fact]
    public void An_adapter_over_a_4_bit_base_trains_from_where_it_was()
    {
        using var leaks = new LeakCheck();
        using var scope = TensorScope.Enter();
        using var folder = Tiny(DType.Float32);
        var adapter = WriteAdapter(folder, "..");

        using var model = LanguageModel.Load(adapter, new LanguageModelOptions { Storage = WeightStorage.Nf4, IsAdapterTrainable = true });

        Assert.Equal(7, model.Decoder.NamedModules(string.Empty).Count(item => item.Part is Linear { Weight: FourBitWeight }));
        Assert.All(model.Adapter!.Trainable, item => Assert.True(item.Parameter.IsTrainable));
        TinyModel.Logits(model.Decoder).Sum().Backward();
        Assert.All(model.Adapter.Trainable, item => Assert.NotNull(item.Parameter.Value.Grad));
    }

    /// <summary>A model folder with weights of one type.</summary>
    private static TemporaryFolder Tiny(DType dtype)
    {
        var folder = new TemporaryFolder();
        using var model = TinyModel.Make(TinyModel.Config(1), dtype);
        ModelWriter.Write(model, folder.FullPath, null, ModelWriter.DefaultShardBytes);
        return folder;
    }

    private static string WriteAdapter(TemporaryFolder folder, string? baseModel)
    {
        using var model = TinyModel.Make(layers: 1);
        var config = new LoraConfig { TargetModules = ModuleSelector.Of(["q_proj"]), BaseModel = baseModel };
        var path = Directory.CreateDirectory(folder[$"adapter-{baseModel?.Length ?? 0}"]).FullName;
        AdapterModel.Start(model, config, 5).Save(path);
        return path;
    }

    private static void CopyTokenizer(string folder)
    {
        foreach (var file in Directory.EnumerateFiles(s_tokenizerFolder, "*token*"))
        {
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        }
    }
}
