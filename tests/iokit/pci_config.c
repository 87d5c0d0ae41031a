/* SPDX-License-Identifier: MIT */
/*
 * pci_config - reads and writes a configuration space by way of a service that does it for us:
 * one struct, which is not aligned, in and out of one buffer
 */
#include "client.h"

enum {
	kACPIMethodAddressSpaceRead,
	kACPIMethodAddressSpaceWrite
};

#pragma pack(1)
typedef union {
	uint64_t addr64;
	struct {
		unsigned int offset : 16, function : 3, device : 5, bus : 8, segment : 16;
		unsigned int reserved : 16;
	} pci;
} IOACPIAddress;

typedef struct {
	uint64_t value;
	uint32_t spaceID;
	IOACPIAddress address;
	uint32_t bitWidth;
	uint32_t bitOffset;
	uint32_t options;
} AddressSpaceParam;
#pragma pack()

_Static_assert(sizeof(AddressSpaceParam) == 32, "the driver's struct");

static AddressSpaceParam param_for(uint32_t device, uint32_t at, uint32_t bytes, uint64_t value)
{
	AddressSpaceParam param = {
		.value = value, .spaceID = 2, .address.addr64 = device << 19 | at,
		.bitWidth = bytes * 8,
	};

	return param;
}

static int config_read(io_connect_t connect, uint32_t device, uint32_t at, uint32_t bytes,
		       uint64_t *ret)
{
	AddressSpaceParam param = param_for(device, at, bytes, 0);
	size_t size = sizeof(param);
	kern_return_t status = IOConnectCallStructMethod(connect, kACPIMethodAddressSpaceRead,
							 &param, sizeof(param), &param, &size);

	if (status != kIOReturnSuccess)
		return 0;
	*ret = param.value;
	return 1;
}

static kern_return_t config_write(io_connect_t connect, uint32_t at, uint32_t bytes, uint64_t value)
{
	AddressSpaceParam param = param_for(0, at, bytes, value);
	size_t size = 0;

	return IOConnectCallStructMethod(connect, kACPIMethodAddressSpaceWrite, &param,
					 sizeof(param), NULL, &size);
}

int main(void)
{
	io_connect_t connect = open_class("AppleACPIPlatformExpert", 0);
	unsigned n_set = 0;
	uint64_t value;

	printf("vendor: %s", config_read(connect, 0, 0, 2, &value) ? "" : "none\n");
	printf("%04" PRIx64 "\n", value);
	config_read(connect, 0, 0, 4, &value);
	printf("device and vendor: %08" PRIx64 "\n", value);
	printf("device 1: %s\n", config_read(connect, 1, 0, 4, &value) ? "there" : "none");
	say("write", config_write(connect, 0x44, 2, 0xbeef));
	config_read(connect, 0, 0x44, 4, &value);
	printf("written: %08" PRIx64 "\n", value);
	say("write to the header", config_write(connect, 0, 2, 0xbeef));
	for (uint32_t at = 0; at < 256; at++)
		n_set += config_read(connect, 0, at, 1, &value) && value != 0;
	printf("bytes that are set: %u\n", n_set);
	say("IOServiceClose", IOServiceClose(connect));
	return EXIT_SUCCESS;
}
