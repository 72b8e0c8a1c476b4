using System.Diagnostics;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using Transcoder.Codecs;
using Transcoder.Media.Buffers;
using Transcoder.Media.Devices;
using Transcoder.Media.Ports;
using Transcoder.Media.Workers;
using Transcoder.Pipeline;

namespace Transcoder.Host.Verbs;

/// <summary><c>transcoder worker ingest ADDRESS</c>: one worker. Everything native runs here, and nothing here outlives the daemon.</summary>
internal static class WorkerVerb
{
    public static Verb Ingest() => new("worker ingest", "ADDRESS", "Decode one stream and encode its renditions; started by the daemon.", arguments =>
    {
        var address = new Arguments(arguments, [], [], ["ADDRESS"]).Word(0);
        return RunAsync(address);
    }, Internal: true);

    private static async Task<int> RunAsync(string address)
    {
        // Ctrl-C and systemd signal the whole group. The daemon decides when a worker ends: its streams are drained first.
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => context.Cancel = true);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => context.Cancel = true);

        var input = Console.In;
        if (await input.ReadLineAsync() is not { } secret)
        {
            await Console.Error.WriteLineAsync("transcoder worker: started by the daemon only");
            return ExitCode.Usage;
        }

        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint("\0" + address));
        DeviceCatalog.DieOfSentSigsegv();
        DeviceCatalog.WarmUp();
        _ = DieWithParentAsync(Console.OpenStandardInput());
        var hello = new WorkerHello(CommandLine.Version, secret, Environment.ProcessId);
        using var link = new NetworkStream(socket, ownsSocket: true);
        new IngestWorker(link, new LocalDevices(), new MediaBufferPool(), TimeProvider.System, hello).Run();
        return ExitCode.Success;
    }

    /// <summary>The parent's death closes our standard input, however it died. A native call may be stuck, so nothing but a kill is sure.</summary>
    public static async Task DieWithParentAsync(Stream lifeline)
    {
        var end = new byte[1];
        await lifeline.ReadAsync(end).ConfigureAwait(false);
        Process.GetCurrentProcess().Kill();
    }

    private sealed class LocalDevices : IDeviceSource
    {
        public IDevice Open(DeviceRef device) => DeviceCatalog.Open(device);
    }
}
