using System.Text.Json;
using Guanxi.TestKit;
using Guanxi.Transformers.Training;
using Xunit;

namespace Guanxi.Transformers.Tests.Training;

public sealed class LearningRateScheduleTests
{
    [GoldenFact("golden/training/schedules")]
    public void All_nine_schedules_equal_the_reference_at_every_step()
    {
        var golden = Golden.Json("training/schedules/case.json");
        var schedules = golden.GetProperty("schedules").EnumerateObject().ToList();
        Assert.Equal(LearningRateSchedule.KindNames.Order(), schedules.Select(schedule => schedule.Name).Order());
        foreach (var schedule in schedules)
        {
            var ours = new LearningRateSchedule(Options(golden, schedule.Name, schedule.Value.GetProperty("arguments")));
            var rates = schedule.Value.GetProperty("learning_rates").EnumerateArray().Select(rate => rate.GetDouble()).ToArray();
            Assert.Equal(101, rates.Length);
            for (var step = 1; step <= rates.Length; step++)
            {
                // Same operations in the same order on doubles; only cos and pow of another C library could differ, by an ulp.
                var tolerance = Math.BitIncrement(rates[step - 1]) - rates[step - 1];
                var error = Math.Abs(ours.RateOf(step) - rates[step - 1]);
                Assert.True(error <= tolerance, $"{schedule.Name}, step {step}: {ours.RateOf(step)}");
            }
        }
    }

    [Fact]
    public void The_first_step_of_a_warm_up_has_rate_zero()
    {
        var kind = LearningRateKind.ConstantWithWarmup;
        var options = new LearningRateOptions { BaseRate = 1e-3, TotalSteps = 20, WarmupSteps = 4, Kind = kind };
        var schedule = new LearningRateSchedule(options);
        Assert.Equal([0, 0.00025, 0.0005, 0.00075, 0.001, 0.001], Enumerable.Range(1, 6).Select(schedule.RateOf));
        Assert.Equal(1e-3, new LearningRateSchedule(options with { Kind = LearningRateKind.Constant }).RateOf(1));
    }

    [Fact]
    public void Every_kind_stays_finite_and_within_its_bounds_in_short_runs()
    {
        var count = 0;
        foreach (var kind in Enum.GetValues<LearningRateKind>())
        {
            foreach (var (total, warmup) in new[] { (1, 0), (1, 1), (3, 3), (2, 5), (5, 1) })
            {
                if (kind == LearningRateKind.WarmupStableDecay && warmup >= total)
                {
                    continue;
                }

                var schedule = new LearningRateSchedule(new LearningRateOptions
                {
                    BaseRate = 0.5, TotalSteps = total, WarmupSteps = warmup, Kind = kind, DecaySteps = 1,
                });
                for (var step = 1; step <= total + 3; step++)
                {
                    Assert.InRange(schedule.RateOf(step), 0, 0.5);
                    count++;
                }
            }
        }

        Assert.True(count > 200);
    }

    [Fact]
    public void All_wrong_settings_are_reported_at_once()
    {
        var error = Assert.Throws<OptionsException>(() => new LearningRateSchedule(new LearningRateOptions
        {
            BaseRate = 0, TotalSteps = 0, WarmupSteps = -1, MinRateShare = 2, Kind = LearningRateKind.Polynomial, EndRate = 1, Power = -1,
        }));
        Assert.Equal(
            ["learning_rate", "max_steps", "warmup_steps", "min_lr_rate", "power", "lr_end"],
            error.Problems.Select(problem => problem.Where));
    }

    [Fact]
    public void An_unknown_name_lists_the_known_ones()
    {
        Assert.Equal(LearningRateKind.CosineWithRestarts, LearningRateSchedule.ParseKind("cosine_with_restarts"));
        var problem = Assert.Single(Assert.Throws<OptionsException>(() => LearningRateSchedule.ParseKind("cosin")).Problems);
        Assert.Contains("cosine", problem.Expected, StringComparison.Ordinal);
        Assert.Equal("cosin", problem.Found);
    }

    private static LearningRateOptions Options(JsonElement golden, string name, JsonElement arguments)
    {
        double? Argument(string key) => arguments.TryGetProperty(key, out var value) ? value.GetDouble() : null;
        var options = new LearningRateOptions
        {
            BaseRate = golden.GetProperty("base_learning_rate").GetDouble(),
            TotalSteps = golden.GetProperty("total_steps").GetInt32(),
            WarmupSteps = golden.GetProperty("warmup_steps").GetInt32(),
            Kind = LearningRateSchedule.ParseKind(name),
        };
        return options with
        {
            Cycles = Argument("num_cycles"),
            Power = Argument("power") ?? options.Power,
            EndRate = Argument("lr_end") ?? options.EndRate,
            MinRateShare = Argument("min_lr_rate") ?? options.MinRateShare,
            DecaySteps = (int)(Argument("num_decay_steps") ?? options.DecaySteps),
        };
    }
}
