using System.Text.Json;
using System.Text.Json.Nodes;
using Guanxi.Cli.Tests.Commands;
using Guanxi.TestKit;
using Xunit;

namespace Guanxi.Cli.Tests.Training;

/// <summary>Every file of <c>recipes/</c> is run for two steps, on a tiny model and rows of the sample in place of its own.</summary>
[Collection(Programs.Name)]
public sealed class RecipeTests(TrainedModelFixture trained)
{
    // Seven linear layers of 32 and 64 in two blocks, both matrices of rank 64.
    private const int AdapterParameters = 2 * 64 * ((4 * (32 + 32)) + (3 * (32 + 64)));

    // The embedding, which is the head too, and two blocks with two norms each, and the last norm.
    private const int ModelParameters = (1000 * 32) + (2 * ((4 * 32 * 32) + (3 * 32 * 64) + (2 * 32))) + 32;

    private static string Folder => Path.Combine(Golden.RepositoryRoot, "recipes");

    [Fact]
    public void The_table_of_recipes_has_them_all()
    {
        var table = File.ReadAllText(Path.Combine(Folder, "README.md"));
        Assert.All(Directory.GetFiles(Folder, "*.json"), path => Assert.Contains($"| `{Path.GetFileName(path)}` |", table, StringComparison.Ordinal));
    }

    [GoldenTheory("golden/tokenizers/nano-spm")]
    [InlineData("firefly-baichuan-7b-qlora.json", AdapterParameters, 60)]
    [InlineData("base-zh-pretrain.json", ModelParameters, 23)]
    public void A_recipe_runs_as_it_stands(string recipe, int trainable, int rows)
    {
        using var folder = new TemporaryFolder();

        var done = ChildProgram.Run("train", "--train_args_file", Path.Combine(Folder, recipe), "--model_name_or_path", trained.Base,
            "--train_file", trained.Rows, "--output_dir", folder["run"], "--max_steps", "2").Expect(ExitCode.Done);

        Assert.Contains($"{trainable:N0} of {ModelParameters:N0} parameters train, on {rows:N0} rows", done.Error, StringComparison.Ordinal);
        Assert.Contains("step 2/2", done.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void The_pretraining_of_the_encoder_runs_as_it_stands()
    {
        using var folder = new TemporaryFolder();
        var asset = Path.Combine(Golden.RepositoryRoot, "assets", "encoder-zh");
        var start = folder.Copy(asset, "start");
        File.Delete(Path.Combine(start, "model.safetensors"));
        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(asset, "config.json")))!.AsObject();
        (config["hidden_size"], config["num_hidden_layers"], config["num_attention_heads"], config["intermediate_size"]) = (32, 1, 2, 48);
        folder.Add("start/config.json", config.ToJsonString());
        var text = folder.Add("text.txt", File.ReadAllText(Path.Combine(Golden.RepositoryRoot, "examples", "people", "test.tsv")));

        var done = ChildProgram.Run("train", "--train_args_file", Path.Combine(Folder, "encoder-zh-pretrain.json"), "--model_name_or_path", start,
            "--train_file", text, "--output_dir", folder["run"], "--max_steps", "2").Expect(ExitCode.Done);

        Assert.Contains("step 2/2", done.Error, StringComparison.Ordinal);
        Assert.True(File.Exists(folder["run/model.safetensors"]));
    }

    [GoldenFact("golden/tokenizers/nano-spm")]
    public void The_comparison_of_modes_trains_compares_and_takes_finished_runs_as_they_are()
    {
        using var folder = new TemporaryFolder();
        var recipe = JsonNode.Parse(File.ReadAllText(Path.Combine(Folder, "full-lora-qlora.json")))!.AsObject();
        recipe["output_dir"] = folder["runs"];
        recipe["seeds"] = new JsonArray(1, 2);
        recipe["systems"] = new JsonArray([.. recipe["systems"]!.AsArray().Take(2).Select(system => system!.DeepClone())]);
        var keys = recipe["train"]!.AsObject();
        (keys["model_name_or_path"], keys["train_file"], keys["max_steps"], keys["max_seq_length"]) = (trained.Base, trained.Rows, 1, 400);
        var config = folder.Add("comparison.json", recipe.ToJsonString());
        string[] call = ["compare", "--config", config, "--data", trained.Rows, "--report", folder["report"], "--json", folder["result.json"]];

        var first = ChildProgram.Run(call).Expect(ExitCode.Done);
        var second = ChildProgram.Run(call).Expect(ExitCode.Done);

        Assert.Contains("full, masked     2", first.Output, StringComparison.Ordinal);
        Assert.Equal(first.Output, File.ReadAllText(Path.Combine(folder["report"], "comparison.txt")));
        Assert.Equal(first.Output, second.Output);
        Assert.Contains("the run is finished already", second.Error, StringComparison.Ordinal);
        var pair = JsonSerializer.Deserialize<JsonElement>(File.ReadAllText(folder["result.json"])).GetProperty("pairs")[0];
        Assert.Equal("lora, masked", pair.GetProperty("second").GetString());
        Assert.InRange(pair.GetProperty("sign_flip_p").GetDouble(), 0, 1);
    }

    [GoldenFact("golden/tokenizers/nano-spm")]
    public void The_published_table_leaves_out_what_was_not_downloaded_and_shows_what_was_published()
    {
        using var folder = new TemporaryFolder();
        var recipe = JsonNode.Parse(File.ReadAllText(Path.Combine(Folder, "published-table.json")))!.AsObject();
        (recipe["output_dir"], recipe["seeds"]) = (folder["runs"], new JsonArray(1));
        var common = recipe["train"]!.AsObject();
        (common["train_file"], common["max_steps"], common["adapt_epochs"]) = (trained.Rows, 1, 0);
        var systems = recipe["systems"]!.AsArray().Select(system => system!.AsObject()).ToArray();
        var embedded = systems.Where(system => !system.ContainsKey("optional")).ToArray();
        Assert.Equal(["tfidf", "bert-bigru-att", "bert-cls", "r-bert", "llm"], embedded.Select(system => system["train"]!["method"]?.GetValue<string>() ?? "llm"));
        foreach (var train in embedded.Select(system => system["train"]!.AsObject()).Where(train => train.ContainsKey("model_name_or_path")))
        {
            train["model_name_or_path"] = Path.Combine(Golden.RepositoryRoot, train["model_name_or_path"]!.GetValue<string>());
        }

        // One of those that need a download gets a model, the others have none.
        systems[^1]["train"]!["model_name_or_path"] = trained.Base;

        var done = ChildProgram.Run("compare", "--config", folder.Add("table.json", recipe.ToJsonString()), "--data", trained.Rows, "--json", folder["result.json"])
            .Expect(ExitCode.Done);

        var (skipped, last) = (systems.Where(system => system.ContainsKey("optional")).SkipLast(1).ToArray(), systems[^1]["name"]!.GetValue<string>());
        Assert.Equal(6, skipped.Length);
        Assert.All(skipped, system => Assert.Contains($"{system["name"]} is left out: ", done.Error, StringComparison.Ordinal));
        Assert.Contains("./guanxi download hfl/chinese-roberta-wwm-ext", done.Error, StringComparison.Ordinal);
        Assert.Contains("published", done.Output.Split('\n')[0], StringComparison.Ordinal);
        Assert.Matches($@"{last} +1 .* 0\.9052", done.Output);
        Assert.Matches(@"tfidf +1 .* -\n", done.Output);
        var scores = JsonSerializer.Deserialize<JsonElement>(File.ReadAllText(folder["result.json"])).GetProperty("systems");
        Assert.Equal(6, scores.GetArrayLength());
        Assert.Equal(0.9052, scores[5].GetProperty("published_weighted_f1").GetDouble());
    }

    [Fact]
    public void No_recipe_is_left_out_here() =>
        Assert.Equal(5, Directory.GetFiles(Folder, "*.json").Length);
}
