namespace Guanxi.Cli;

/// <summary>What <c>guanxi</c> alone says.</summary>
internal static class NextSteps
{
    /// <summary>Writes the overview.</summary>
    public static int Show(TextWriter output)
    {
        output.WriteLine("Guanxi tells the relation between two people in a Chinese sentence, with a language model trained on your examples.");
        output.WriteLine();
        output.WriteLine("See the whole job on the sample in this repository:");
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

    public const string Predict = $"./guanxi predict --model {Model} --text 曹操带着曹植登上铜雀台 --people1 曹操 --people2 曹植";
}
