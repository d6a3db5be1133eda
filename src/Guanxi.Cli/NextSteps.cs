namespace Guanxi.Cli;

/// <summary>What <c>guanxi</c> alone says.</summary>
internal static class NextSteps
{
    /// <summary>Writes the overview.</summary>
    public static int Show(TextWriter output)
    {
        output.WriteLine("Guanxi tells the relation between the two people, or things, that a sentence names, with a model trained on your examples.");
        output.WriteLine();
        output.WriteLine("A first answer within seconds, from the sample in this repository and a linear model:");
        output.WriteLine($"  {SampleCalls.TrainLinear}");
        output.WriteLine($"  {SampleCalls.PredictLinear}");
        output.WriteLine();
        output.WriteLine("The whole job with a small language model, within minutes:");
        output.WriteLine("  ./guanxi demo");
        output.WriteLine();
        output.WriteLine("Or step by step:");
        output.WriteLine($"  {SampleCalls.Train}");
        output.WriteLine($"  {SampleCalls.Evaluate}");
        output.WriteLine($"  {SampleCalls.Predict}");
        output.WriteLine();
        output.WriteLine("Verbs (guanxi VERB --help tells more):");
        var width = CommandLine.Verbs.Max(verb => verb.Name.Length);
        foreach (var verb in CommandLine.Verbs)
        {
            output.WriteLine($"  {verb.Name.PadRight(width)}  {verb.Summary}");
        }

        return ExitCode.Done;
    }
}

/// <summary>Calls on the repository's sample, as help and overview show them.</summary>
internal static class SampleCalls
{
    public const string Model = "runs/people";

    public const string Base = "assets/base-zh";

    public const string TrainFile = "examples/people/train.tsv";

    public const string TestFile = "examples/people/test.tsv";

    public const string Train = $"./guanxi train --model_name_or_path {Base} --train_file {TrainFile} --output_dir {Model}";

    public const string Evaluate = $"./guanxi evaluate --model {Model} --data {TestFile}";

    public const string Predict = $"./guanxi predict --model {Model} {Question}";

    /// <summary>The folder of the linear model, which the sample trains within seconds.</summary>
    public const string LinearModel = "runs/linear";

    public const string TrainLinear = $"./guanxi train --method tfidf --train_file {TrainFile} --output_dir {LinearModel}";

    public const string PredictLinear = $"./guanxi predict --model {LinearModel} {Question}";

    private const string Question = "--text 曹操带着曹植登上铜雀台 --people1 曹操 --people2 曹植";
}
