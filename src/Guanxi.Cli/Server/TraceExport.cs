using OpenTelemetry;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Guanxi.Cli.Server;

/// <summary>Sends spans to a collector, where the environment names one.</summary>
internal static class TraceExport
{
    private static readonly string[] s_endpoints = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];

    /// <summary>Begins to send when OpenTelemetry's usual variables say where to.</summary>
    /// <returns>What ends it and sends what is left; null when nothing is sent.</returns>
    public static IDisposable? StartIfWanted() =>
        s_endpoints.Any(name => !string.IsNullOrEmpty(Environment.GetEnvironmentVariable(name))) ? Start() : null;

    // Apart, so that the exporter is not even loaded where nobody wants it.
    private static TracerProvider Start() => Sdk.CreateTracerProviderBuilder()
        .ConfigureResource(resource => resource.AddService("guanxi", serviceVersion: ProgramVersion.Number))
        .AddSource(Tracing.SourceName)
        .AddOtlpExporter()
        .Build();
}
