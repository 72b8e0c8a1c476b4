using Transcoder.Media.Devices;
using Transcoder.Media.Ports;

namespace Transcoder.Testing.Devices;

/// <summary>The devices of a machine that a test makes up.</summary>
public sealed class FakeDevices(IReadOnlyList<IDevice> devices) : IDeviceSource
{
    public IDevice Open(DeviceRef device) => devices.FirstOrDefault(each => each.Id == device.Id && each.Kind == device.Kind)
        ?? throw new CodecException($"there is no device {device}", -19);
}
