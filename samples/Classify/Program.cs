// dotnet run --project samples/Classify -- runs/people 曹操带着曹植登上铜雀台 曹操 曹植
using Guanxi.Relations;
using Guanxi.Relations.Artifacts;
using Guanxi.Relations.Serving;
using Guanxi.Transformers.Models;

using var model = TrainedModel.Load(args[0], new LanguageModelOptions());
using var engine = new RelationEngine(model.Classifier, new RelationEngineOptions(), TimeProvider.System);
var relation = await engine.ClassifyAsync(RelationExample.Of(args[1], args[2], args[3]), CancellationToken.None);
Console.WriteLine($"{relation.Label} {relation.Confidence:P1}");
