using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Transcoder.LoadGenerator;

/// <summary>A server on loopback with a configuration of its own in a temporary folder; killed and swept up at the end.</summary>
internal sealed class ServerProcess : IAsyncDisposable
{
    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(30);

    private readonly Process _process;
    private readonly string _folder;

    private ServerProcess(string name, Process process, string folder, int port)
    {
        Name = name;
        _process = process;
        _folder = folder;
        Port = port;
        Application = $"rtmp://127.0.0.1:{port}/live";
        Figures = new ProcessFigures(process.Id);
    }

    public string Name { get; }

    public int Port { get; }

    public string Application { get; }

    public ProcessFigures Figures { get; }

    /// <param name="patient">Our server keeps a player that takes no bytes for longer than a run lasts: what such a player costs the others is to be measured.</param>
    public static Task<ServerProcess> StartAsync(ServerProgram server, bool patient = false) =>
        server.IsNginx ? NginxAsync(server) : server.IsNode ? NodeAsync(server) : TranscoderAsync(server, patient);

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        await _process.WaitForExitAsync();
        _process.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private static Task<ServerProcess> TranscoderAsync(ServerProgram program, bool patient)
    {
        var (rtmp, http) = (FreePort(), FreePort());
        return StartAsync(program.Name, rtmp, "transcoder.yaml", $$"""
            server:
              rtmp: { listen: "127.0.0.1:{{rtmp}}", max_connections: 20000{{(patient ? ", write_timeout: 2m" : "")}} }
              http: { listen: "127.0.0.1:{{http}}" }
            apps:
              live: { latency: {{program.Latency}} }
            workers: { spare: 0 }
            log: { level: error }
            """, file => new ProcessStartInfo(program.Path, ["serve", "--config", file]));
    }

    private static Task<ServerProcess> NginxAsync(ServerProgram program)
    {
        var rtmp = FreePort();
        return StartAsync(program.Name, rtmp, "nginx.conf", $$"""
            load_module /usr/lib/nginx/modules/ngx_rtmp_module.so;
            daemon off;
            master_process off;
            worker_rlimit_nofile 20000;
            pid nginx.pid;
            error_log stderr crit;
            events { worker_connections 16384; }
            rtmp { access_log off; server { listen 127.0.0.1:{{rtmp}}; application live { live on; } } }
            """, file => new ProcessStartInfo(program.Path, ["-p", Path.GetDirectoryName(file)!, "-c", file]));
    }

    private static Task<ServerProcess> NodeAsync(ServerProgram program)
    {
        var rtmp = FreePort();
        return StartAsync(program.Name, rtmp, "config.json", $$"""
            { "bind": "127.0.0.1", "rtmp": { "port": {{rtmp}} } }
            """, file => new ProcessStartInfo("node", [Path.GetFullPath(program.Path), "--config", file, "--no-admin"]) { RedirectStandardOutput = true });
    }

    private static async Task<ServerProcess> StartAsync(string name, int port, string fileName, string configuration, Func<string, ProcessStartInfo> command)
    {
        var folder = Directory.CreateTempSubdirectory("transcoder-load-").FullName;
        var file = Path.Combine(folder, fileName);
        await File.WriteAllTextAsync(file, configuration);
        var start = command(file);
        start.WorkingDirectory = folder;
        var process = Process.Start(start)!;
        if (start.RedirectStandardOutput)
        {
            // Read and dropped, so that a talkative server does not stand still.
            process.OutputDataReceived += static (_, _) => { };
            process.BeginOutputReadLine();
        }

        var server = new ServerProcess(name, process, folder, port);
        var started = Stopwatch.GetTimestamp();
        while (!await AnswersAsync(port))
        {
            if (process.HasExited || Stopwatch.GetElapsedTime(started) > StartTimeout)
            {
                await server.DisposeAsync();
                throw new InvalidOperationException($"{name} did not start");
            }

            await Task.Delay(50);
        }

        return server;
    }

    private static async Task<bool> AnswersAsync(int port)
    {
        using var probe = new TcpClient();
        try
        {
            await probe.ConnectAsync(IPAddress.Loopback, port);
            return true;
        }
        catch (SocketException)
        {
            // Not listening yet.
            return false;
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
