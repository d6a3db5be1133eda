using System.Globalization;
using System.IO.Compression;
using System.Net;
using System.Text.Json;
using Guanxi.TestKit;
using Xunit;

namespace Guanxi.Cli.Tests.Commands;

/// <summary><c>predict</c> and <c>evaluate</c> with a model that the program trained, with predictions and with a server.</summary>
[Collection(SharedProcess.Name)]
public sealed class RelationVerbTests(TrainedModelFixture trained)
{
    [GoldenFact("golden/tokenizers/nano-spm")]
    public void Predict_answers_row_by_row_and_a_bad_row_does_not_stop_it()
    {
        const string Rows =
            """
            {"text": "曹操带着曹植登上铜雀台", "people1": "曹操", "people2": "曹植", "label": "父母"}
            {"text": "曹操带着曹植登上铜雀台", "people1": "曹操", "people2": "刘备"}
            {"text": "苏洵携长子苏轼进京", "people1": "苏洵", "people2": "苏轼"}
            """;

        var rows = ChildProgram.RunWith(Rows, [], "predict", "--model", trained.Model, "-").Expect(ExitCode.Done).Rows;

        Assert.Equal(3, rows.Length);
        var probabilities = rows[0].GetProperty("probabilities").EnumerateObject().ToDictionary(item => item.Name, item => item.Value.GetDouble());
        Assert.Equal(14, probabilities.Count);
        Assert.Equal(1, probabilities.Values.Sum(), 1e-9);
        Assert.Equal(probabilities.MaxBy(item => item.Value).Key, rows[0].GetProperty("label").GetString());
        Assert.Equal(probabilities.Values.Max(), rows[0].GetProperty("confidence").GetDouble());
        Assert.Equal("父母", rows[0].GetProperty("gold").GetString());
        Assert.Equal(2, rows[1].GetProperty("error").GetProperty("row").GetInt32());
        Assert.Contains("刘备", rows[1].GetProperty("error").GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.Equal("苏洵携长子苏轼进京", rows[2].GetProperty("text").GetString());
        Assert.False(rows[2].TryGetProperty("gold", out _));
    }

    [Fact]
    public void A_linear_baseline_is_trained_asked_compared_and_told_of_without_any_model()
    {
        using var folder = new TemporaryFolder();
        var rows = folder.Add("rows.tsv", TrainedModelFixture.SampleLines("train.tsv", every: 11, 60));
        var test = folder.Add("test.tsv", TrainedModelFixture.SampleLines("test.tsv", every: 5, 20));
        ChildProgram.Run("train", "--method", "tfidf", "--train_file", rows, "--output_dir", folder["run"]).Expect(ExitCode.Done);

        var answer = InProcess.Run("predict", "--model", folder["run"], "--text", "曹操带着曹植登上铜雀台", "--people1", "曹操", "--people2", "曹植").Expect(ExitCode.Done).LastRow;
        var scored = InProcess.Run("evaluate", "--model", folder["run"], "--data", test, "--json", "-").Expect(ExitCode.Done).LastRow;
        var compared = InProcess.Run("compare", "--runs", $"first={folder["run"]}", $"second={folder["run"]}", "--data", test, "--json", "-").Expect(ExitCode.Done);
        var facts = InProcess.Run("info", folder["run"], "--json", "-").Expect(ExitCode.Done).LastRow;
        var refused = InProcess.Run("evaluate", "--model", folder["run"], "--data", test, "--decoding", "generate").Expect(ExitCode.WrongCall);

        Assert.Equal(14, answer.GetProperty("probabilities").EnumerateObject().Count());
        Assert.InRange(scored.GetProperty("weighted").GetProperty("f1").GetDouble(), 0, 1);
        Assert.Equal(JsonValueKind.Object, compared.LastRow.ValueKind);
        Assert.Equal(("tfidf", "tfidf", 14), (facts.GetProperty("family").GetString(), facts.GetProperty("method").GetString(), facts.GetProperty("labels").GetArrayLength()));
        Assert.True(facts.GetProperty("parameters").GetInt64() > 14);
        Assert.Contains("language models only", refused.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Hours_of_work_are_not_lost_to_a_report_that_cannot_be_written()
    {
        using var folder = new TemporaryFolder();
        var rows = folder.Add("rows.tsv", TrainedModelFixture.SampleLines("train.tsv", every: 11, 60));
        Directory.CreateDirectory(folder["taken/train_args.json"]);
        Directory.CreateDirectory(folder["report/report.html"]);
        string[] Train(string run) => ["train", "--method", "tfidf", "--train_file", rows, "--output_dir", folder[run]];

        var unwritten = ChildProgram.Run(Train("taken")).Expect(ExitCode.Failed);
        ChildProgram.Run(Train("run")).Expect(ExitCode.Done);
        folder.Add("run/report", "a file");
        var compared = InProcess.Run("compare", "--runs", $"first={folder["run"]}", $"second={folder["run"]}", "--data", rows, "--json", "-").Expect(ExitCode.Done);
        var evaluated = ChildProgram.Run("evaluate", "--model", folder["run"], "--data", rows, "--report", folder["report"], "--json", "-").Expect(ExitCode.Failed);

        Assert.Contains("train_args.json: cannot be written", unwritten.Error, StringComparison.Ordinal);
        Assert.Contains($"the answers of {folder["run"]} are not kept beside it", compared.Error, StringComparison.Ordinal);
        Assert.Equal(60, evaluated.LastRow.GetProperty("support").GetInt32());
        Assert.Contains("report.html: cannot be written", evaluated.Error, StringComparison.Ordinal);
    }

    [GoldenFact("golden/tokenizers/nano-spm")]
    public void Strict_prediction_refuses_the_whole_file_and_names_the_place()
    {
        const string Rows = "{\"text\": \"甲和乙\", \"people1\": \"甲\", \"people2\": \"乙\"}\n{\"text\": \"甲和乙\", \"people1\": \"甲\", \"people2\": \"丙\"}\n";

        var told = ChildProgram.RunWith(Rows, [], "predict", "--model", trained.Model, "--strict", "-").Expect(ExitCode.WrongCall);

        Assert.Contains("stdin:2:", told.Error, StringComparison.Ordinal);
        Assert.Equal("", told.Output);
    }

    [GoldenFact("golden/tokenizers/nano-spm")]
    public void One_sentence_gives_one_object()
    {
        using var folder = new TemporaryFolder();

        var shown = InProcess.Run("predict", "--model", trained.Model, "--text", "<e1>曹操</e1>与<e2>曹植</e2>", "--json", folder["one.json"]).Expect(ExitCode.Done);

        var written = JsonSerializer.Deserialize<JsonElement>(File.ReadAllText(folder["one.json"]));
        Assert.Equal(shown.LastRow.GetRawText(), written.GetRawText());
        Assert.Equal(("曹操", "曹植"), (written.GetProperty("people1").GetString(), written.GetProperty("people2").GetString()));
    }

    [GoldenFact("golden/tokenizers/nano-spm")]
    public void What_a_run_logs_of_its_last_step_is_what_evaluate_finds_afterwards()
    {
        using var folder = new TemporaryFolder();
        ChildProgram.Run("train", "--model_name_or_path", trained.Base, "--train_file", trained.Rows, "--eval_file", trained.Rows,
            "--eval_strategy", "steps", "--eval_steps", "4", "--max_steps", "4", "--learning_rate", "0.02", "--output_dir", folder["run"]).Expect(ExitCode.Done);

        var logged = JsonSerializer.Deserialize<JsonElement>(File.ReadLines(folder["run/train_log.jsonl"]).Last());
        var found = InProcess.Run("evaluate", "--model", folder["run"], "--data", trained.Rows, "--json", "-").Expect(ExitCode.Done).LastRow;

        Assert.Equal(found.GetProperty("accuracy").GetDouble(), logged.GetProperty("eval_accuracy").GetDouble(), 1e-12);
        Assert.Equal(found.GetProperty("weighted").GetProperty("f1").GetDouble(), logged.GetProperty("eval_weighted_f1").GetDouble(), 1e-12);
    }

    [GoldenFact("golden/tokenizers/nano-spm")]
    public void Evaluation_of_a_model_equals_that_of_the_predictions_it_wrote()
    {
        using var folder = new TemporaryFolder();
        var report = folder["report"];

        var own = ChildProgram.Run("evaluate", "--model", trained.Model, "--data", trained.Rows, "--max_rows", "20", "--report", report, "--json", "-").Expect(ExitCode.Done);
        var again = InProcess.Run("evaluate", "--predictions", Path.Combine(report, "predictions.jsonl"), "--json", "-").Expect(ExitCode.Done);

        Assert.Equal(20, own.LastRow.GetProperty("support").GetInt32());
        Assert.Equal(own.Lines[..^1], again.Lines[..^1]);
        Assert.All(["accuracy", "macro", "weighted", "per_label", "confusion", "interval"], key =>
            Assert.Equal(own.LastRow.GetProperty(key).GetRawText(), again.LastRow.GetProperty(key).GetRawText()));
        Assert.True(own.LastRow.GetProperty("log_loss").GetDouble() > 0);
        Assert.Equal(own.LastRow.GetProperty("weighted").GetRawText(),
            JsonSerializer.Deserialize<JsonElement>(File.ReadAllText(Path.Combine(report, "report.json"))).GetProperty("weighted").GetRawText());
    }

    [GoldenFact("golden/tokenizers/nano-spm")]
    public void A_model_that_names_no_labels_takes_those_of_the_data_and_may_answer_freely()
    {
        var result = InProcess.Run("evaluate", "--model", trained.Base, "--data", trained.Rows, "--decoding", "generate", "--max_rows", "14", "--json", "-").Expect(ExitCode.Done);

        Assert.Contains("names no labels", result.Error, StringComparison.Ordinal);
        Assert.InRange(result.LastRow.GetProperty("invalid_answers").GetInt32(), 1, 14);
        Assert.Equal(JsonValueKind.Null, result.LastRow.GetProperty("ece").ValueKind);
    }

    [GoldenFact("golden/tokenizers/nano-spm")]
    public void An_adapter_whose_base_was_changed_is_refused()
    {
        using var folder = new TemporaryFolder();
        var changed = folder.Copy(trained.Base, "base");
        var weights = Path.Combine(changed, "model.safetensors");
        var bytes = File.ReadAllBytes(weights);
        bytes[^1] ^= 1;
        File.WriteAllBytes(weights, bytes);

        var told = InProcess.Run("predict", "--model", trained.Model, "--base_model", changed, "--text", "甲和乙", "--people1", "甲", "--people2", "乙").Expect(ExitCode.WrongCall);

        Assert.Contains("the base model is not the one that the adapter was trained on", told.Error, StringComparison.Ordinal);
    }

    [GoldenFact("golden/metrics/reports.jsonl.gz")]
    public void The_report_is_scikit_learns_to_the_character()
    {
        using var folder = new TemporaryFolder();
        foreach (var item in Reports().Where(item => item.GetProperty("labels").ValueKind == JsonValueKind.Null).Skip(20).Take(2))
        {
            var names = item.GetProperty("names").Deserialize<string[]>()!;
            var rows = item.GetProperty("truth").Deserialize<int[]>()!.Zip(
                item.GetProperty("predicted").Deserialize<int[]>()!, (gold, predicted) => JsonSerializer.Serialize(new { gold = names[gold], prediction = names[predicted] }));

            var shown = InProcess.Run("evaluate", "--predictions", folder.Add("predictions.jsonl", rows)).Expect(ExitCode.Done);

            Assert.Equal(item.GetProperty("text").GetString(), shown.Output);
        }
    }

    [Fact]
    public void Bare_predictions_take_the_truth_from_the_data()
    {
        using var folder = new TemporaryFolder();
        var data = folder.Add("data.tsv", TrainedModelFixture.SampleLines("test.tsv", every: 9, 6));
        var labels = File.ReadLines(data).Skip(1).Select(line => line.Split('\t')[0]).ToArray();
        var predictions = folder.Add("predictions.txt", [.. labels[..^1], "没有这种关系"]);

        var result = InProcess.Run("evaluate", "--predictions", predictions, "--data", data, "--json", "-").Expect(ExitCode.Done).LastRow;

        Assert.Equal((labels.Length - 1.0) / labels.Length, result.GetProperty("accuracy").GetDouble(), 1e-12);
        Assert.Equal(1, result.GetProperty("invalid_answers").GetInt32());
    }

    [Fact]
    public async Task A_server_is_asked_again_when_it_is_busy()
    {
        using var folder = new TemporaryFolder();
        var data = folder.Add("data.tsv", TrainedModelFixture.SampleLines("test.tsv", every: 9, 4));
        using var server = new HttpListener();
        var address = Listen(server);
        var asked = new List<JsonElement>();
        var serving = Task.Run(() => Serve(server, asked));

        var result = ChildProgram.Run("evaluate", "--url", address, "--data", data, "--json", "-").Expect(ExitCode.Done);
        server.Stop();
        await serving;

        Assert.Equal(4, asked.Count);
        Assert.Equal(File.ReadLines(data).Skip(1).Count(line => line.StartsWith("父母\t", StringComparison.Ordinal)) / 4.0, result.LastRow.GetProperty("accuracy").GetDouble());
        Assert.All(asked, question =>
        {
            var (text, span) = (question.GetProperty("text").GetString()!, question.GetProperty("people1_span"));
            Assert.Equal(question.GetProperty("people1").GetString(), text[span[0].GetInt32()..span[1].GetInt32()]);
        });
    }

    [Fact]
    public void A_server_that_is_not_there_fails_the_job()
    {
        using var server = new HttpListener();
        var address = Listen(server);
        server.Close();

        var data = Path.Combine(Golden.RepositoryRoot, "examples", "people", "test.tsv");
        var told = InProcess.Run("evaluate", "--url", address, "--data", data, "--max_rows", "2").Expect(ExitCode.Failed);
        var wrong = InProcess.Run("evaluate", "--url", "localhost:1", "--data", data).Expect(ExitCode.WrongCall);

        Assert.Contains($"{address}people_rel_cls: the server cannot be reached", told.Error, StringComparison.Ordinal);
        Assert.Contains("--url: not the address of a server", wrong.Error, StringComparison.Ordinal);
    }

    private static string Listen(HttpListener server)
    {
        for (var port = 20000 + (Environment.ProcessId % 20000); ; port++)
        {
            var address = string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}/");
            server.Prefixes.Clear();
            server.Prefixes.Add(address);
            try
            {
                server.Start();
                return address;
            }
            catch (HttpListenerException) when (port < 65000)
            {
                // Somebody else's port: the next one.
            }
        }
    }

    /// <summary>Answers 父母 to everything; the first question finds it busy.</summary>
    private static void Serve(HttpListener server, List<JsonElement> asked)
    {
        var isBusy = true;
        while (server.IsListening)
        {
            HttpListenerContext context;
            try
            {
                context = server.GetContext();
            }
            catch (Exception error) when (error is HttpListenerException or ObjectDisposedException or InvalidOperationException)
            {
                // The test has stopped it.
                return;
            }

            using var body = new StreamReader(context.Request.InputStream);
            var question = JsonSerializer.Deserialize<JsonElement>(body.ReadToEnd());
            context.Response.StatusCode = isBusy ? 429 : context.Request.Url!.AbsolutePath == "/people_rel_cls" ? 200 : 404;
            if (isBusy)
            {
                context.Response.AddHeader("Retry-After", "0");
            }
            else
            {
                asked.Add(question);
                context.Response.OutputStream.Write("{\"result\": \"父母\"}"u8);
            }

            context.Response.Close();
            isBusy = false;
        }
    }

    private static IEnumerable<JsonElement> Reports()
    {
        using var file = new StreamReader(new GZipStream(File.OpenRead(Golden.Locate("metrics/reports.jsonl.gz")), CompressionMode.Decompress));
        while (file.ReadLine() is { } line)
        {
            yield return JsonSerializer.Deserialize<JsonElement>(line);
        }
    }

    [Fact]
    public void Compare_reads_predictions_says_what_is_noise_and_refuses_rows_that_differ()
    {
        using var folder = new TemporaryFolder();
        string[] labels = ["父母", "师生"];
        string Row(int at, bool isRight) => JsonSerializer.Serialize(new { gold = labels[at % 2], prediction = labels[isRight ? at % 2 : 1 - (at % 2)] });
        var weak = folder.Add("weak.jsonl", Enumerable.Range(0, 200).Select(at => Row(at, at % 3 > 0)));
        var strong = folder.Add("strong.jsonl", Enumerable.Range(0, 200).Select(at => Row(at, at % 20 > 0)));
        var other = folder.Add("other.jsonl", Enumerable.Range(1, 200).Select(at => Row(at, isRight: true)));

        var told = InProcess.Run("compare", "--runs", weak, $"best={strong}", "--json", "-").Expect(ExitCode.Done).LastRow;
        var refused = InProcess.Run("compare", "--runs", weak, other).Expect(ExitCode.WrongCall);
        var unclear = InProcess.Run("compare").Expect(ExitCode.WrongCall);

        Assert.True(told.GetProperty("pairs")[0].GetProperty("told_apart").GetBoolean());
        Assert.Equal("best", told.GetProperty("pairs")[0].GetProperty("second").GetString());
        Assert.Contains("its rows are not those of the first", refused.Error, StringComparison.Ordinal);
        Assert.Contains("either --runs or --config", unclear.Error, StringComparison.Ordinal);
    }
}
