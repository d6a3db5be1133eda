using Guanxi.Relations.Comparison;
using Guanxi.Relations.Tests.Training;
using Guanxi.Transformers;
using Xunit;

namespace Guanxi.Relations.Tests.Comparison;

/// <summary>A comparison's file: what it asks for, and what is wrong with it.</summary>
public sealed class ComparisonConfigTests : IDisposable
{
    private readonly TrainingFolder _folder = new();

    public ComparisonConfigTests() => _folder.Add("rows.tsv", "label\tcontent\n夫妻\t<e1>甲</e1>娶<e2>乙</e2>。\n");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Every_system_is_run_once_a_seed_with_its_own_keys_over_the_common_ones()
    {
        var config = Read("""
            { "name": "a", "train": { "num_train_epochs": 3 } },
            { "name": "b", "published": 0.5, "train": { "method": "tfidf" } }
            """, "[1, 2, 2]");

        Assert.Equal(["a", "a", "b", "b"], config.Runs.Select(run => run.System));
        Assert.Equal([null, null, 0.5, 0.5], config.Runs.Select(run => run.Published));
        Assert.Equal([1, 2, 1, 2], config.Runs.Select(run => run.Arguments.Seed));
        Assert.Equal((3.0, Path.Combine(_folder["runs"], "a-seed1")), (config.Runs[0].Arguments.NumTrainEpochs!.Value, config.Runs[0].Arguments.OutputDir));
        Assert.Equal("tfidf", config.Runs[2].Arguments.Method);
        Assert.Equal("test.tsv", config.TestFile);
    }

    [Fact]
    public void All_that_is_wrong_is_told_at_once_with_its_place()
    {
        var error = Refused("""
            { "name": "a", "optionl": true, "train": { "method": "tfidf" } },
            { "name": "a", "train": { "method": "tfidf" } },
            { "train": { "no_such_key": 1 } },
            { "name": "c", "published": 7, "train": { "learning_rate": "fast" } }
            """, "[]");

        Assert.Collection(
            error.Problems.Select(problem => problem.ToString()),
            line => Assert.Contains("seeds: the value does not fit; expected a list of whole numbers; found []", line, StringComparison.Ordinal),
            line => Assert.EndsWith("systems 1: unknown key 'optionl'; expected name, train, published, optional. Did you mean optional?", line, StringComparison.Ordinal),
            line => Assert.Contains("systems 2, name: two systems have this name, and so one folder; found a", line, StringComparison.Ordinal),
            line => Assert.Contains("systems 3, name: the key is missing; expected a text", line, StringComparison.Ordinal),
            line => Assert.Contains("systems 4, published: the value does not fit; expected a number from 0 to 1; found 7", line, StringComparison.Ordinal));
    }

    [Fact]
    public void A_problem_that_systems_have_in_common_is_told_once()
    {
        var error = Refused("""
            { "name": "a", "train": { "method": "tfidf", "learning_rate": "fast" } },
            { "name": "b", "train": { "method": "tfidf", "learning_rate": "fast" } },
            { "name": "c", "train": { "method": "tfidf", "learning_rate": "slow" } }
            """, "[1]");

        Assert.Collection(
            error.Problems.Select(problem => problem.ToString()),
            line => Assert.Contains("comparison.json, a and b: --learning_rate: ", line, StringComparison.Ordinal),
            line => Assert.Contains("comparison.json, c: --learning_rate: ", line, StringComparison.Ordinal));
    }

    [Fact]
    public void A_comparison_whose_systems_all_lack_their_models_is_refused()
    {
        var error = Refused("""{ "name": "a", "optional": true, "train": { "method": "r-bert", "model_name_or_path": "no/such-model-here" } }""", "[1]");

        Assert.Contains("there is no system to compare", Assert.Single(error.Problems).ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[]", "not an object")]
    [InlineData("{", "cannot be read as a comparison")]
    [InlineData("{}", "output_dir: the key is missing")]
    public void A_file_that_is_none_is_refused(string text, string message)
    {
        var error = Assert.Throws<OptionsException>(() => ComparisonConfig.Read(_folder.Add("comparison.json", text), null, _ => { }));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    private OptionsException Refused(string systems, string seeds) => Assert.Throws<OptionsException>(() => Read(systems, seeds));

    private ComparisonConfig Read(string systems, string seeds)
    {
        Directory.CreateDirectory(_folder["base"]);
        var text = $$"""
            {
              "output_dir": "{{_folder["runs"]}}", "test_file": "test.tsv", "seeds": {{seeds}},
              "train": { "train_file": "{{_folder["rows.tsv"]}}", "model_name_or_path": "{{_folder["base"]}}" },
              "systems": [{{systems}}]
            }
            """;
        return ComparisonConfig.Read(_folder.Add("comparison.json", text), null, _ => { });
    }
}
