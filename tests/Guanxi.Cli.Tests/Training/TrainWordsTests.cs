using Guanxi.Cli.Training;
using Guanxi.Relations.Training;
using Xunit;

namespace Guanxi.Cli.Tests.Training;

/// <summary>Keys of <c>train</c> on the command line and in its help.</summary>
public sealed class TrainWordsTests
{
    [Fact]
    public void Keys_take_a_word_an_equals_sign_or_nothing()
    {
        var read = TrainWords.Parse(["--seed", "7", "--output_dir=runs/a=b", "--bf16", "--max_steps", "-1", "--train_args_file", "f.json", "--json", "-"]);

        Assert.Equal([new("seed", "7"), new("output_dir", "runs/a=b"), new("bf16", "true"), new("max_steps", "-1")], read.Keys);
        Assert.Equal(("f.json", "-"), (read.File, read.Json));
        Assert.Empty(read.Problems);
    }

    [Fact]
    public void Only_a_list_takes_several_words()
    {
        var read = TrainWords.Parse(["--lora_target_modules", "q_proj", "v_proj", "--seed", "1", "2"]);

        Assert.Equal([new("lora_target_modules", "q_proj,v_proj"), new("seed", "1")], read.Keys);
        Assert.Equal("2", Assert.Single(read.Problems).Where);
    }

    [Fact]
    public void A_file_without_its_key_is_understood_but_not_taken() =>
        Assert.Contains("--train_args_file run.json", Assert.Single(TrainWords.Parse(["run.json"]).Problems).Hint, StringComparison.Ordinal);

    [Fact]
    public void Help_shows_every_key_once_with_its_meaning()
    {
        var shown = TrainKeys.Groups().SelectMany(group => group.Keys).ToArray();

        Assert.Equal(TrainArgumentsReader.Keys.Order(), shown.Select(key => key.Name).Order());
        Assert.All(shown, key => Assert.NotEqual("", key.Summary));
        Assert.DoesNotContain(TrainKeys.Groups(), group => group.Group == "Others");
    }

    [Fact]
    public void Help_shows_kinds_and_defaults_as_they_are_written()
    {
        var shown = TrainKeys.Groups().SelectMany(group => group.Keys).ToDictionary(key => key.Name);

        Assert.Equal(("full|lora|qlora", "qlora"), (shown["train_mode"].Kind, shown["train_mode"].Default));
        Assert.Equal(("X", "0.05"), (shown["lora_dropout"].Kind, shown["lora_dropout"].Default));
        Assert.Equal(("true|false", "false"), (shown["use_rslora"].Kind, shown["use_rslora"].Default));
        Assert.Null(shown["learning_rate"].Default);
        Assert.Contains("bf16", shown["fp16"].Summary, StringComparison.Ordinal);
    }
}
