using Guanxi.Relations.Training;
using Guanxi.Transformers.Training;

namespace Guanxi.Cli.Commands;

internal static class TrainCommand
{
    public static int Run(string[] words)
    {
        string? file = null;
        var keys = new List<KeyValuePair<string, string>>();
        for (var i = 0; i + 1 < words.Length; i += 2)
        {
            if (words[i] == "--train_args_file") { file = words[i + 1]; } else { keys.Add(new(words[i][2..], words[i + 1])); }
        }

        using var stop = new CancellationTokenSource();
        using var term = System.Runtime.InteropServices.PosixSignalRegistration.Create(System.Runtime.InteropServices.PosixSignal.SIGTERM, c => { c.Cancel = true; stop.Cancel(); });
        var arguments = TrainArgumentsReader.Read(file, keys, Console.Error.WriteLine);
        return TrainingJob.Run(arguments, new P(), TimeProvider.System, stop.Token) ? 0 : 130;
    }

    private sealed class P : ITrainingProgress
    {
        public void Note(string text) => Console.Error.WriteLine(text);

        public void Begin(TrainingPlan plan, int firstStep) => Console.Error.WriteLine($"steps {firstStep} to {plan.TotalSteps}");

        public void Step(TrainStep step) => Console.Error.WriteLine($"{step.Step} loss {step.Loss:F4} lr {step.LearningRate:G3} norm {step.GradNorm:F3} {step.TokensPerSecond:F0} tok/s {step.RssBytes >> 20} MB");

        public void Evaluated(EvalStep evaluated) => Console.Error.WriteLine(string.Join(' ', evaluated.Metrics));
    }
}
