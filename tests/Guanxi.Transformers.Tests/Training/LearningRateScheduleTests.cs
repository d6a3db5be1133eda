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
                    BaseRate = 0.5, TotalSteps = total, WarmupSteps = warmup, Kind = kind, Form = new() { DecaySteps = 1, MinRateShare = 0.1 },
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
            BaseRate = 0, TotalSteps = 0, WarmupSteps = -1, Kind = LearningRateKind.Polynomial, Form = new() { MinRateShare = 2, EndRate = 1, Power = -1 },
        }));
        Assert.Equal(
            [
                "learning_rate", "max_steps", "warmup_steps", "lr_scheduler_kwargs, min_lr_rate", "lr_scheduler_kwargs, power",
                "lr_scheduler_kwargs, lr_end",
            ],
            error.Problems.Select(problem => problem.Where));
    }

    // transformers' optimization.py, _get_wsd_scheduler_lambda: the share lifts the warm-up too, and the fall begins where it is told.
    [Theory]
    [InlineData("linear", new[] { 0.2, 0.6, 1, 1, 1, 0.8, 0.6, 0.4, 0.2, 0.2 })]
    [InlineData("1-sqrt", new[] { 0.2, 0.6, 1, 1, 1, 0.6, 0.434314575050762, 0.307179676972449, 0.2, 0.2 })]
    [InlineData("cosine", new[] { 0.2, 0.6, 1, 1, 1, 0.882842712474619, 0.6, 0.317157287525381, 0.2, 0.2 })]
    public void A_stable_schedule_falls_when_and_how_it_is_told(string decay, double[] expected)
    {
        var form = Form(
            $$"""{"num_decay_steps": 4, "num_stable_steps": 2, "min_lr_ratio": 0.2, "decay_type": "{{decay}}"}""", LearningRateKind.WarmupStableDecay);
        var schedule = new LearningRateSchedule(new LearningRateOptions
        {
            BaseRate = 1, TotalSteps = 100, WarmupSteps = 2, Kind = LearningRateKind.WarmupStableDecay, Form = form,
        });

        Assert.Equal(expected, Enumerable.Range(1, expected.Length).Select(step => Math.Round(schedule.RateOf(step), 15)));
    }

    [Fact]
    public void A_lowest_rate_is_a_rate_or_a_share_and_one_of_them_is_needed()
    {
        var options = new LearningRateOptions { BaseRate = 0.5, TotalSteps = 10, Kind = LearningRateKind.CosineWithMinLr };
        foreach (var text in new[] { """{"min_lr": 0.05}""", """{"min_lr_rate": 0.1}""" })
        {
            Assert.Equal(0.05, new LearningRateSchedule(options with { Form = Form(text, options.Kind) }).RateOf(11), 1e-15);
        }

        foreach (var text in new[] { "{}", """{"min_lr": 0.05, "min_lr_rate": 0.1}""" })
        {
            var error = Assert.Throws<OptionsException>(() => new LearningRateSchedule(options with { Form = Form(text, options.Kind) }));
            Assert.Contains("min_lr or min_lr_rate", Assert.Single(error.Problems).Expected, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Unknown_and_unfit_settings_of_a_schedule_are_named()
    {
        var error = Assert.Throws<OptionsException>(() => Form(
            """{"num_cyles": 2, "power": 1, "num_decay_steps": 1.5, "decay_type": "steep", "num_cycles": "2"}""", LearningRateKind.WarmupStableDecay));

        Assert.Equal(
            ["num_cyles", "power", "num_cycles", "num_decay_steps", "decay_type"],
            error.Problems.Select(problem => problem.Where["lr_scheduler_kwargs, ".Length..]));
        Assert.Equal(2, Form("""{"power": 2, "timescale": 7}""", kind: null).Power);
    }

    [Fact]
    public void An_unknown_name_lists_the_known_ones()
    {
        Assert.Equal(LearningRateKind.CosineWithRestarts, LearningRateSchedule.ParseKind("cosine_with_restarts"));
        var problem = Assert.Single(Assert.Throws<OptionsException>(() => LearningRateSchedule.ParseKind("cosin")).Problems);
        Assert.Contains("cosine", problem.Expected, StringComparison.Ordinal);
        Assert.Equal("cosin", problem.Found);
    }

    private static LearningRateForm Form(string json, LearningRateKind? kind) => LearningRateForm.Parse(JsonElement.Parse(json), kind);

    private static LearningRateOptions Options(JsonElement golden, string name, JsonElement arguments)
    {
        var kind = LearningRateSchedule.ParseKind(name);
        return new LearningRateOptions
        {
            BaseRate = golden.GetProperty("base_learning_rate").GetDouble(),
            TotalSteps = golden.GetProperty("total_steps").GetInt32(),
            WarmupSteps = golden.GetProperty("warmup_steps").GetInt32(),
            Kind = kind,
            Form = LearningRateForm.Parse(arguments, kind),
        };
    }
}
