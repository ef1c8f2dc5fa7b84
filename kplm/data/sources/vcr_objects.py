"""What boxes of VCR can show: the 80 objects of COCO (Lin et al., 2014), written without spaces as in VCR's files."""

_NAMES = """
    __background__ person bicycle car motorcycle airplane bus train truck boat trafficlight firehydrant stopsign parkingmeter
    bench bird cat dog horse sheep cow elephant bear zebra giraffe backpack umbrella handbag tie suitcase frisbee skis
    snowboard sportsball kite baseballbat baseballglove skateboard surfboard tennisracket bottle wineglass cup fork knife
    spoon bowl banana apple sandwich orange broccoli carrot hotdog pizza donut cake chair couch pottedplant bed diningtable
    toilet tv laptop mouse remote keyboard cellphone microwave oven toaster sink refrigerator book clock vase scissors
    teddybear hairdrier toothbrush
"""
OBJECTS = tuple(_NAMES.split())
"""81 names by their number; 0 is background."""
