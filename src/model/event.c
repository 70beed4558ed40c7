#include "model/event.h"

static const struct log_event events[EVENT_COUNT] = {
	[EVENT_RUN_WAITS] = { "run-waits", "87c3afd52c40402e8317e68da1ceeae5" },
	[EVENT_RUN_REFUSED] = { "run-refused", "a42e8fa0dfde4b54bf0fe13795ae283f" },
	[EVENT_RUN_HELD] = { "run-held", "76abb0c44f034f1aba2c42cfc719c4f1" },
	[EVENT_RUN_STOPPED] = { "run-stopped", "81adb7fe0f9d43499d7c4f334e0fab7e" },
	[EVENT_RUN_KILLED] = { "run-killed", "a43cb3354ebf47aabba3b8e5dff148e7" },
	[EVENT_RUN_ENDED] = { "run-ended", "b75f2fdea05a499897edc9e046efb9f2" },
	[EVENT_RUN_KEPT] = { "run-kept", "defdf90a573148d0b3a633d61208681e" },
	[EVENT_RUN_LEFT] = { "run-left", "5b9919a51afa495ab7859a0e4c21d2c9" },
	[EVENT_LOCK_DELETED] = { "lock-deleted", "6e338c09013a464ebbb6fdc5a027b01a" },
	[EVENT_REAP_BEGUN] = { "reap-begun", "a5a03f8654604ce6823a97b3ccd1424b" },
	[EVENT_OBJECT_REMOVED] = { "object-removed", "51b6bd71583041b5a65a5a61221ed8b4" },
	[EVENT_OBJECT_KEPT] = { "object-kept", "70bda6322bc9421d8d294c634b370137" },
	[EVENT_OBJECT_LEFT] = { "object-left", "20ffe3daa8284bad96822fd8c1525a8d" },
	[EVENT_PLANNED] = { "planned", "88516e0a2a614425b303239e4821f977" },
	[EVENT_APP_REAPED] = { "app-reaped", "b7c3a15a286b41d7bb32eb87575f7d70" },
	[EVENT_APP_LEFT] = { "app-left", "bfeb5ea48ae845928b9eec0d92229476" },
	[EVENT_APP_SPARED] = { "app-spared", "f3458704c9464599953cbdc312085489" },
	[EVENT_HOOK] = { "hook", "1a9d03716ed94c03af51616b673f01de" },
	[EVENT_SWEPT] = { "swept", "44c0d719648a4ac7bc228e724617e30f" },
};

const struct log_event *event_of(enum event event)
{
	return &events[event];
}
