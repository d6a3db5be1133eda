using System.Net;
using System.Text.Json;
using Guanxi.Cli.Tests.Server;
using Guanxi.Relations.Artifacts;
using Guanxi.TestKit;
using Guanxi.Transformers.Models;
using Xunit;

namespace Guanxi.Cli.Tests.Commands;

/// <summary>Labels that are neither fourteen nor Chinese nor about people: the companies of the repository, with every method and without touching code.</summary>
public sealed class OwnLabelTests : IDisposable
{
    private const string Sentence = "Last week, Oakwhistle Tea filed a lawsuit against Penhallow Boats.";

    // Of eight labels that are equally frequent one guess in eight is right; half of the test rows are of a make that training has not.
    private const double LeastAccuracy = 0.6;

    private readonly TemporaryFolder _folder = new();

    private static string Train => Example("train.tsv");

    private static string Labels => Example("labels.txt");

    private static string Base => Path.Combine(Golden.RepositoryRoot, "assets", "base-zh");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_linear_model_learns_answers_and_serves_them()
    {
        var learnt = ChildProgram.Run("train", "--method", "tfidf", "--train_file", Train, "--labels_file", Labels, "--output_dir", _folder["run"]).Expect(ExitCode.Done);

        var scored = InProcess.Run("evaluate", "--model", _folder["run"], "--data", Example("test.tsv"), "--json", "-").Expect(ExitCode.Done);
        var answer = Ask(_folder["run"]);

        Assert.Contains($"next: ./guanxi evaluate --model {_folder["run"]}", learnt.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("fp32", scored.Error, StringComparison.Ordinal);
        Assert.InRange(scored.LastRow.GetProperty("accuracy").GetDouble(), LeastAccuracy, 1);
        Assert.Contains("competitor of", scored.Output, StringComparison.Ordinal);
        Assert.Equal("sued", answer.GetProperty("label").GetString());
        using var model = TrainedModel.Load(_folder["run"], new LanguageModelOptions());
        await using var server = await ServerUnderTest.ServeAsync(model.Classifier);
        var served = (await server.PostAsync("/people_rel_cls", $$"""{"text": "{{Sentence}}", "people1": "Oakwhistle Tea", "people2": "Penhallow Boats"}""")).Expect(HttpStatusCode.OK);
        Assert.Equal("sued", served.Json.GetProperty("result").GetString());
        var labels = (await server.GetAsync("/v1/labels")).Expect(HttpStatusCode.OK).Json.GetProperty("labels");
        Assert.Equal(File.ReadAllLines(Labels), labels.EnumerateArray().Select(label => label.GetString()));
    }

    [Fact]
    public void A_language_model_is_asked_in_the_words_of_its_base_or_of_the_call()
    {
        string[] call =
        [
            "train", "--model_name_or_path", Base, "--train_file", Train, "--max_steps", "2", "--per_device_train_batch_size", "2", "--lora_rank", "4", "--save_strategy", "no",
        ];
        const string Question = "In '{text}', {people1} and {people2} are: ";

        ChildProgram.Run([.. call, "--output_dir", _folder["base"]]).Expect(ExitCode.Done);
        ChildProgram.Run([.. call, "--output_dir", _folder["own"], "--labels_file", Labels, "--prompt_template", Question]).Expect(ExitCode.Done);

        var (first, second) = (ArtifactInfo.TryRead(_folder["base"])!, ArtifactInfo.TryRead(_folder["own"])!);
        Assert.Equal(ArtifactInfo.TryRead(Base)!.PromptTemplate, first.PromptTemplate);
        Assert.Equal(Question, second.PromptTemplate);
        Assert.Equal(File.ReadAllLines(Labels).Order(StringComparer.Ordinal), first.Labels);
        Assert.Equal(File.ReadAllLines(Labels), second.Labels);
        AssertAnswer(Ask(_folder["own"]));
    }

    [Fact]
    public void A_base_that_names_no_question_gets_one_that_lists_the_labels()
    {
        var plain = _folder.Copy(Base, "plain");
        File.Delete(Path.Combine(plain, ArtifactInfo.FileName));

        var done = ChildProgram.Run("train", "--model_name_or_path", plain, "--train_file", Train, "--output_dir", _folder["run"], "--max_steps", "1",
            "--per_device_train_batch_size", "2", "--gradient_accumulation_steps", "1", "--max_seq_length", "1024", "--lora_rank", "4").Expect(ExitCode.Done);

        Assert.Contains("no prompt_template is given: the question is Given the labels {labels}", done.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("warning", done.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("不确定", ArtifactInfo.TryRead(_folder["run"])!.PromptTemplate, StringComparison.Ordinal);
    }

    [GoldenFact("golden/tokenizers/nano-wordpiece")]
    public void An_encoder_finds_the_names_of_an_English_sentence()
    {
        var encoder = _folder.Copy(Golden.Locate("tokenizers/nano-wordpiece"), "encoder");
        _folder.Add("encoder/config.json", TrainedMethodsFixture.Encoder);

        ChildProgram.Run("train", "--method", "r-bert", "--model_name_or_path", encoder, "--train_file", Train, "--labels_file", Labels,
            "--output_dir", _folder["run"], "--max_steps", "2", "--max_seq_length", "64").Expect(ExitCode.Done);

        AssertAnswer(Ask(_folder["run"]));
    }

    [Fact]
    public void The_rows_have_no_finding()
    {
        var shown = InProcess.Run("data", "check", Train, Example("test.tsv"), "--labels_file", Labels).Expect(ExitCode.Done);

        Assert.Equal("0 errors, 0 warnings", shown.Lines[^1]);
    }

    private static string Example(string name) => Path.Combine(Golden.RepositoryRoot, "examples", "companies", name);

    private static JsonElement Ask(string model) =>
        InProcess.Run("predict", "--model", model, "--text", Sentence, "--people1", "Oakwhistle Tea", "--people2", "Penhallow Boats").Expect(ExitCode.Done).LastRow;

    private static void AssertAnswer(JsonElement answer)
    {
        Assert.Equal(File.ReadAllLines(Labels), answer.GetProperty("probabilities").EnumerateObject().Select(label => label.Name));
        Assert.Contains(answer.GetProperty("label").GetString(), File.ReadAllLines(Labels));
    }
}
