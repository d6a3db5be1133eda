using Guanxi.Relations.Artifacts;
using Guanxi.Relations.Training;
using Guanxi.TestKit;
using Guanxi.Transformers;
using Guanxi.Transformers.Models;
using Xunit;

namespace Guanxi.Relations.Tests.Training;

/// <summary>Runs of the methods that are no language models: what they write, load, go on with and refuse.</summary>
public sealed class MethodTests
{
    private const string Tokenizer = "golden/tokenizers/nano-wordpiece";

    private static readonly (string Key, string Value)[] s_aids = [("teacher_share", "0.3"), ("name_mask_probability", "0.3"), ("adapt_epochs", "2")];

    [Theory]
    [GoldenInlineData(Tokenizer, Methods.RBert, "model.safetensors")]
    [GoldenInlineData(Tokenizer, Methods.BertCls, "model.safetensors")]
    [GoldenInlineData(Tokenizer, Methods.BertBiGruAtt, "bigru_att.safetensors")]
    public void A_run_goes_on_to_the_same_bytes_and_its_artefact_classifies(string method, string weights)
    {
        using var leaks = new LeakCheck();
        using var folder = new TrainingFolder().WithEncoder();
        var rows = folder.Add("train.tsv", "label\tcontent\n" + TrainingFolder.Rows(24));
        TrainArguments Arguments(string run, params (string Key, string Value)[] more) => folder.Arguments(run, [
            ("method", method), ("train_file", rows), ("max_seq_length", "40"), ("max_steps", "8"), ("learning_rate", "0.01"), ("group_split", "0.25"),
            ("eval_strategy", "steps"), ("eval_steps", "4"), .. method == Methods.RBert ? s_aids : [], .. more]);

        Assert.True(folder.Run(Arguments("whole")));
        Assert.False(folder.Run(Arguments("stopped"), stopAfter: 3));
        Assert.True(folder.Run(Arguments("stopped", ("resume_from_checkpoint", "true"))));

        Assert.Equal(File.ReadAllBytes(folder[$"whole/{weights}"]), File.ReadAllBytes(folder[$"stopped/{weights}"]));
        Assert.Equal(["loss", "weighted_f1", "accuracy"], folder.Evaluations[0].Metrics.Select(metric => metric.Key));
        using var model = TrainedModel.Load(folder["whole"], new LanguageModelOptions());
        Assert.Equal((method, 40), (model.Info.Method, model.Info.MaxLength));
        Assert.Equal(TinyLanguageModel.Labels.Take(3).Order(), model.Schema.Labels.Order());
        var far = string.Concat(Enumerable.Repeat("，话说", 60));
        RelationExample[] examples = [TestRows.Named("贾政是贾宝玉的父亲", "贾政", "贾宝玉"), TestRows.Named($"{far}贾政{far}贾宝玉{far}", "贾政", "贾宝玉")];
        var answers = model.Classifier.Classify(examples);
        Assert.All(answers, answer => Assert.Equal(1, answer.Prediction!.Probabilities.Sum(), 1e-5));
        Assert.Equal(answers[1].Prediction!.Confidence, model.Classifier.Classify(examples[1..])[0].Prediction!.Confidence, 1e-5);
        Assert.Contains(method, Assert.Throws<OptionsException>(() => model.RequireModel()).Message, StringComparison.Ordinal);
    }

    [GoldenFact(Tokenizer)]
    public void Features_are_computed_once_for_runs_that_share_a_folder()
    {
        using var leaks = new LeakCheck();
        using var folder = new TrainingFolder().WithEncoder();
        var rows = folder.Add("train.tsv", "label\tcontent\n" + TrainingFolder.Rows(24));
        using (var start = EncoderModel.Fresh(folder["base"], new EncoderModelOptions()))
        {
            start.Save(folder["base"], null);
        }

        TrainArguments Arguments(string run, string seed, params (string Key, string Value)[] more) => folder.Arguments(run, [
            ("method", Methods.BertBiGruAtt), ("train_file", rows), ("max_seq_length", "40"), ("max_steps", "2"), ("feature_cache", folder["features"]),
            ("seed", seed), .. more]);

        Assert.True(folder.Run(Arguments("first", "1")));
        Assert.True(folder.Run(Arguments("second", "1")));
        var file = Assert.Single(Directory.GetFiles(folder["features"]));
        Assert.Contains(folder.Notes, note => note.StartsWith("features of ", StringComparison.Ordinal) && note.EndsWith(file, StringComparison.Ordinal));
        Assert.Equal(File.ReadAllBytes(folder["first/bigru_att.safetensors"]), File.ReadAllBytes(folder["second/bigru_att.safetensors"]));
        Assert.True(folder.Run(Arguments("shorter", "1", ("max_seq_length", "20"))));
        Assert.Equal(2, Directory.GetFiles(folder["features"]).Length);
        Assert.Contains(folder.Notes, note => note.Contains("longer than 20 tokens", StringComparison.Ordinal));
    }

    [Fact]
    public void The_linear_baseline_needs_no_model_and_evaluates_what_is_cut_off()
    {
        using var leaks = new LeakCheck();
        using var folder = new TrainingFolder();
        var rows = folder.Add("train.tsv", "label\tcontent\n" + TrainingFolder.Rows(24));
        var arguments = TrainArgumentsReader.Read(
            null, [new("method", "tfidf"), new("train_file", rows), new("output_dir", folder["run"]), new("group_split", "0.25")], folder.Notes.Add);

        Assert.True(folder.Run(arguments));

        Assert.Equal(TrainMode.Full, arguments.TrainMode);
        Assert.Equal(["weighted_f1", "accuracy"], Assert.Single(folder.Evaluations).Metrics.Select(metric => metric.Key));
        Assert.True(folder.Log("run").Count(line => line.TryGetProperty("loss", out _)) > 3);
        Assert.True(File.Exists(folder["run/train_args.json"]));
        using var model = TrainedModel.Load(folder["run"], new LanguageModelOptions());
        Assert.Equal(Methods.Tfidf, model.Info.Method);
        Assert.Contains("eval_weighted_f1", model.Info.Metrics.Keys);
        var answer = model.Classifier.Classify([TestRows.Named("贾宝玉与林黛玉相见，说父亲。", "贾宝玉", "林黛玉")])[0];
        Assert.Equal(TinyLanguageModel.Labels[0], answer.Prediction!.Label);
    }

    [Fact]
    public void Each_method_has_its_published_defaults()
    {
        TrainArguments Filled(string method)
        {
            var arguments = TrainingDefaults.Start(method) with { Method = method };
            return TrainingDefaults.Of(arguments).Fill(arguments);
        }

        var (rBert, biGru, llm) = (Filled(Methods.RBert), Filled(Methods.BertBiGruAtt), Filled(Methods.Llm));
        Assert.Equal((210, 16, 2e-5, TrainMode.Full), (rBert.MaxSeqLength, rBert.PerDeviceTrainBatchSize, rBert.LearningRate, rBert.TrainMode));
        Assert.Equal((128, 30d, 1e-3, 5), (biGru.MaxSeqLength, biGru.NumTrainEpochs, biGru.LearningRate, biGru.EarlyStoppingPatience));
        Assert.Equal(("epoch", 0.1, true), (biGru.EvalStrategy, biGru.GroupSplit, biGru.LoadBestModelAtEnd));
        Assert.Equal((256, 2e-4, TrainMode.Qlora), (llm.MaxSeqLength, llm.LearningRate, llm.TrainMode));
    }

    [GoldenFact(Tokenizer)]
    public void A_base_may_have_defaults_for_all_methods_and_for_one_alone()
    {
        using var folder = new TrainingFolder().WithEncoder();
        folder.Add("base/guanxi.json", """{"train_defaults": {"max_seq_length": 99, "r-bert": {"num_train_epochs": 7, "name_mask_probability": 0.4}}}""");
        TrainArguments Filled(string method)
        {
            var arguments = TrainingDefaults.Start(method) with { Method = method, ModelNameOrPath = folder["base"], LearningRate = 0.5 };
            return TrainingDefaults.Of(arguments).Fill(arguments);
        }

        var (rBert, cls) = (Filled(Methods.RBert), Filled(Methods.BertCls));
        Assert.Equal((99, 7d, 0.4, 0.5), (rBert.MaxSeqLength, rBert.NumTrainEpochs, rBert.NameMaskProbability, rBert.LearningRate));
        Assert.Equal((99, 5d, null), (cls.MaxSeqLength, cls.NumTrainEpochs, cls.NameMaskProbability));

        folder.Add("base/guanxi.json", """{"train_defaults": {"r-bert": {"no_such_key": 1}}}""");
        var wrong = Assert.Throws<OptionsException>(() => Filled(Methods.RBert));
        Assert.Contains("train_defaults, r-bert, no_such_key", wrong.Message, StringComparison.Ordinal);
    }

    [GoldenTheory(Tokenizer)]
    [InlineData("[]", "no JSON object")]
    [InlineData("""{"train_defaults": []}""", "train_defaults: the value does not fit; expected an object; found []")]
    [InlineData("""{"train_defaults": {"r-bert": 3}}""", "train_defaults, r-bert: the value does not fit; expected an object of keys; found 3")]
    [InlineData("""{"prompt_template": 5}""", "prompt_template: the value does not fit; expected a text; found 5")]
    public void Defaults_of_another_kind_are_told_by_file_and_key(string text, string message)
    {
        using var folder = new TrainingFolder().WithEncoder();
        folder.Add("base/guanxi.json", text);
        var arguments = TrainingDefaults.Start(Methods.RBert) with { Method = Methods.RBert, ModelNameOrPath = folder["base"] };

        var error = Assert.ThrowsAny<Exception>(() => TrainingDefaults.Of(arguments));

        Assert.True(error is OptionsException or CheckpointException, error.ToString());
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.Contains(folder["base/guanxi.json"], error.Message, StringComparison.Ordinal);
    }

    [GoldenFact(Tokenizer)]
    public void Hidden_names_change_a_run_and_only_its_training()
    {
        using var leaks = new LeakCheck();
        using var folder = new TrainingFolder().WithEncoder();
        var rows = folder.Add("train.tsv", "label\tcontent\n" + TrainingFolder.Rows(24));
        double Loss(string run, string share)
        {
            Assert.True(folder.Run(folder.Arguments(run, ("method", Methods.RBert), ("train_file", rows), ("max_steps", "2"), ("eval_file", rows),
                ("eval_strategy", "steps"), ("eval_steps", "2"), ("learning_rate", "1e-12"), ("name_mask_probability", share))));
            return folder.Log(run).First(line => line.TryGetProperty("loss", out _)).GetProperty("loss").GetDouble();
        }

        Assert.NotEqual(Loss("shown", "0"), Loss("hidden", "0.9"));

        // Nothing to speak of is learnt at this rate, and what is measured has its names.
        Assert.Equal(folder.Evaluations[0].Metrics[0].Value, folder.Evaluations[1].Metrics[0].Value, 1e-6);
    }

    [GoldenFact(Tokenizer)]
    public void An_encoder_reads_the_sentences_that_it_trains_on_first_and_goes_on_there_when_it_was_stopped()
    {
        using var leaks = new LeakCheck();
        using var folder = new TrainingFolder().WithEncoder();
        var rows = folder.Add("train.tsv", "label\tcontent\n" + TrainingFolder.Rows(24));
        TrainArguments Arguments(string run) => folder.Arguments(run, ("method", Methods.RBert), ("train_file", rows), ("group_split", "0.25"), ("max_seq_length", "40"),
            ("max_steps", "2"), ("adapt_epochs", "4"));

        Assert.True(folder.Run(Arguments("whole")));
        Assert.False(folder.Run(Arguments("stopped"), stopAfter: 1));
        Assert.False(File.Exists(folder["stopped/train_log.jsonl"]));
        Assert.True(folder.Run(Arguments("stopped")));

        var adapted = Assert.Single(Directory.GetDirectories(folder["whole"], "adapted-*"));
        var sentences = File.ReadAllLines(Path.Combine(adapted, "sentences.txt"));
        Assert.Equal(sentences.Distinct(), sentences);
        Assert.InRange(sentences.Length, 12, 20);
        Assert.All(sentences, sentence => Assert.Matches("^贾宝玉与林黛玉第[0-9]+回相见，说..。$", sentence));
        Assert.True(File.Exists(Path.Combine(adapted, "model.safetensors")));
        Assert.Equal(File.ReadAllBytes(folder["whole/model.safetensors"]), File.ReadAllBytes(folder["stopped/model.safetensors"]));
    }

    [GoldenTheory(Tokenizer)]
    [InlineData(Methods.RBert)]
    [InlineData(Methods.BertCls)]
    public void The_linear_baseline_beside_a_network_gives_its_share_of_every_answer(string method)
    {
        using var leaks = new LeakCheck();
        using var folder = new TrainingFolder().WithEncoder();
        var rows = folder.Add("train.tsv", "label\tcontent\n" + TrainingFolder.Rows(24));
        TrainArguments Arguments(string run, string share) => folder.Arguments(run, ("method", method), ("train_file", rows), ("max_seq_length", "40"), ("max_steps", "2"),
            ("eval_file", rows), ("eval_strategy", "steps"), ("eval_steps", "2"), ("learning_rate", "1e-12"), ("linear_share", share));
        IReadOnlyList<double>[] Answers(string run)
        {
            using var model = TrainedModel.Load(folder[run], new LanguageModelOptions());
            RelationExample[] asked = [TestRows.Named("贾政是贾宝玉的父亲", "贾政", "贾宝玉"), TestRows.Named("贾宝玉与林黛玉第3回相见，说父亲。", "贾宝玉", "林黛玉")];
            return [.. model.Classifier.Classify(asked).Select(row => row.Prediction!.Probabilities)];
        }

        Assert.True(folder.Run(Arguments("alone", "0")));
        Assert.True(folder.Run(Arguments("joined", "0.25")));
        Assert.True(folder.Run(TrainArgumentsReader.Read(null, [new("method", "tfidf"), new("train_file", rows), new("output_dir", folder["linear"])], folder.Notes.Add)));

        Assert.Equal(File.ReadAllBytes(folder["alone/model.safetensors"]), File.ReadAllBytes(folder["joined/model.safetensors"]));
        var (alone, linear, joined) = (Answers("alone"), Answers("linear"), Answers("joined"));
        foreach (var (row, answer) in joined.Index())
        {
            Assert.Equal(1, answer.Sum(), 1e-6);
            Assert.All(answer.Index(), item => Assert.Equal((0.75 * alone[row][item.Index]) + (0.25 * linear[row][item.Index]), item.Item, 1e-12));
        }

        // A network that has learnt nothing is right on rows that the baseline knows by heart: the evaluations during the run have its share, too.
        double Accuracy(int run) => folder.Evaluations[run].Metrics.Single(metric => metric.Key == "accuracy").Value;
        Assert.True(Accuracy(1) > Accuracy(0), $"{Accuracy(1)} {Accuracy(0)}");
        Assert.False(File.Exists(folder["alone/tfidf.safetensors"]));
        File.Delete(folder["joined/tfidf.safetensors"]);
        Assert.Contains("tfidf.safetensors", Assert.Throws<CheckpointException>(() => Answers("joined")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Unknown_methods_and_modes_that_a_method_has_not_are_refused()
    {
        OptionsException Refuse(params KeyValuePair<string, string>[] keys) =>
            Assert.Throws<OptionsException>(() => TrainArgumentsReader.Read(null, [.. keys, new("output_dir", "x")], _ => { }));

        Assert.Contains(Refuse(new KeyValuePair<string, string>("method", "svm")).Problems, problem => problem.Where == "method");
        var wrong = Refuse(new("method", "r-bert"), new("train_mode", "lora"), new("task_type", "mlm"));
        Assert.Contains(wrong.Problems, problem => problem.Where == "train_mode");
        Assert.Contains(wrong.Problems, problem => problem.Where == "task_type");
        Assert.Contains(Refuse(new KeyValuePair<string, string>("adapt_epochs", "2")).Problems, problem => problem.Where == "adapt_epochs");
        Assert.Contains(Refuse(new KeyValuePair<string, string>("linear_share", "0.5")).Problems, problem => problem.Where == "linear_share");
        Assert.Contains(Refuse(new("method", "r-bert"), new("linear_share", "1")).Problems, problem => problem.Where == "linear_share");
        Assert.Contains(Refuse(new KeyValuePair<string, string>("name_mask_probability", "0.5")).Problems, problem => problem.Where == "name_mask_probability");
    }

    [GoldenFact(Tokenizer)]
    public void A_trained_classifier_keeps_its_labels()
    {
        using var leaks = new LeakCheck();
        using var folder = new TrainingFolder().WithEncoder();
        var rows = folder.Add("train.tsv", "label\tcontent\n" + TrainingFolder.Rows(12));
        Assert.True(folder.Run(folder.Arguments("run", ("method", Methods.BertCls), ("train_file", rows), ("max_seq_length", "40"), ("max_steps", "1"))));

        var other = new TaskOverrides { Schema = RelationSchema.FromLabels([["一"], ["二"], ["三"]], "test") };
        Assert.Throws<OptionsException>(() => TrainedModel.Load(folder["run"], new LanguageModelOptions(), other));

        // Without guanxi.json it is any classifier of transformers, whose configuration names the classes.
        File.Delete(folder["run/guanxi.json"]);
        using var plain = TrainedModel.Load(folder["run"], new LanguageModelOptions());
        using var renamed = TrainedModel.Load(folder["run"], new LanguageModelOptions(), other);
        Assert.Equal((Methods.BertCls, "三"), (plain.Info.Method, renamed.Schema.Labels[2]));
    }
}
