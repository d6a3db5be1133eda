using System.Text.Json;
using System.Text.Json.Nodes;
using Guanxi.Cli.Tests.Commands;
using Guanxi.TestKit;
using Xunit;

namespace Guanxi.Cli.Tests.Training;

/// <summary>Every file of <c>recipes/</c> is run for two steps, on a tiny model and rows of the sample in place of its own.</summary>
public sealed class RecipeTests(TrainedModelFixture trained) : IClassFixture<TrainedModelFixture>
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

    [Fact]
    public void No_recipe_is_left_out_here() =>
        Assert.Equal(3, Directory.GetFiles(Folder, "*.json").Length);
}
