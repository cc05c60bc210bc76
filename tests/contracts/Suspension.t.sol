// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.36;

import {ICouncilDelayed} from "../../contracts/interfaces/ICouncilDelayed.sol";
import {IDepartmentRegistry, Role} from "../../contracts/interfaces/IDepartmentRegistry.sol";
import {Interval} from "../../contracts/lib/History.sol";
import {Fixture} from "./support/Fixture.sol";
import {vm} from "./support/Vm.sol";

contract SuspensionTest is Fixture {
    function test_itStopsTheWholeSubtreeAndNothingElse() public {
        vm.expectEmit(true, true, true, true, address(departments));
        emit IDepartmentRegistry.DepartmentSuspended(CITY, PROVINCE);
        vm.prank(provinceAdmin);
        departments.suspend(PROVINCE, CITY);
        vm.assertFalse(departments.authorised(CITY, Role.Admin, cityAdmin), "itself");
        vm.assertFalse(departments.authorised(CITY, Role.Anchor, anchorer), "its other roles");
        vm.assertFalse(departments.authorised(COUNTY, Role.Admin, countyAdmin), "below");
        vm.assertTrue(departments.authorised(PROVINCE, Role.Admin, provinceAdmin), "above");
        vm.assertTrue(departments.authorised(OTHER_CITY, Role.Admin, otherCityAdmin), "beside");
    }

    function test_theSubtreeActsNoMore() public {
        vm.prank(provinceAdmin);
        departments.suspend(PROVINCE, CITY);
        vm.prank(cityAdmin);
        _refuseOf(IDepartmentRegistry.Suspended.selector, CITY);
        departments.grantRole(CITY, CITY, Role.Anchor, outsider);
        _refuseOf(IDepartmentRegistry.Suspended.selector, CITY);
        vm.prank(countyAdmin);
        departments.grantRole(COUNTY, COUNTY, Role.Anchor, outsider);
        _refuseOf(IDepartmentRegistry.Suspended.selector, CITY);
        vm.prank(anchorer);
        anchors.anchor(CITY, X, 1);
        uint32[] memory indices = _indices(0);
        _refuseOf(IDepartmentRegistry.Suspended.selector, CITY);
        vm.prank(statusOfficer);
        status.setStatus(CITY, CITY, 0, indices, 1);
    }

    function test_ancestorsStillActForIt() public {
        vm.startPrank(provinceAdmin);
        departments.grantRole(PROVINCE, PROVINCE, Role.Status, outsider);
        departments.suspend(PROVINCE, CITY);
        departments.withdrawRole(PROVINCE, CITY, Role.Admin, cityAdmin);
        departments.grantRole(PROVINCE, CITY, Role.Admin, otherAdmin);
        vm.stopPrank();
        vm.prank(outsider);
        status.revokeRoot(PROVINCE, COUNTY, X);
        vm.assertEq(status.rootRevokedAt(COUNTY, X), block.number, "revoked for the suspended");
    }

    function test_liftingBringsBackWhatWas() public {
        uint256 suspended = block.number;
        vm.startPrank(provinceAdmin);
        departments.suspend(PROVINCE, CITY);
        _mine();
        vm.expectEmit(true, true, true, true, address(departments));
        emit IDepartmentRegistry.SuspensionLifted(CITY, PROVINCE);
        departments.lift(PROVINCE, CITY);
        vm.stopPrank();
        vm.assertTrue(departments.authorised(CITY, Role.Anchor, anchorer), "authorised");
        Interval[] memory list = departments.suspensionHistory(CITY);
        vm.assertEq(list.length, 1, "suspensions");
        _assertInterval(list[0], suspended, block.number);
        vm.assertEq(departments.departmentOf(CITY).suspendedSince, 0, "suspended since");
        vm.assertEq(departments.departmentOf(CITY).suspender, NONE, "suspender");
    }

    function test_itMayBeImposedAgainAtOnce() public {
        vm.startPrank(provinceAdmin);
        departments.suspend(PROVINCE, CITY);
        departments.lift(PROVINCE, CITY);
        departments.suspend(PROVINCE, CITY);
        vm.stopPrank();
        vm.assertFalse(departments.authorised(CITY, Role.Anchor, anchorer), "authorised");
    }

    function test_nobodySuspendsUpwardsAsideOrItself() public {
        vm.startPrank(cityAdmin);
        _refuseNotAbove(CITY, CITY);
        departments.suspend(CITY, CITY);
        _refuseNotAbove(CITY, PROVINCE);
        departments.suspend(CITY, PROVINCE);
        _refuseNotAbove(CITY, OTHER_CITY);
        departments.suspend(CITY, OTHER_CITY);
        _refuseOf(IDepartmentRegistry.UnknownDepartment.selector, STRANGER);
        departments.suspend(CITY, STRANGER);
        vm.stopPrank();
    }

    function testFuzz_withoutTheAdminRoleNobodySuspendsOrLifts(address caller) public {
        vm.assume(caller != provinceAdmin && caller != council);
        vm.startPrank(caller);
        _refuseUnauthorised(PROVINCE, Role.Admin, caller);
        departments.suspend(PROVINCE, CITY);
        vm.expectRevert(abi.encodeWithSelector(ICouncilDelayed.NotCouncil.selector, caller));
        departments.suspend(NONE, CITY);
        vm.stopPrank();
        vm.prank(provinceAdmin);
        departments.suspend(PROVINCE, CITY);
        vm.startPrank(caller);
        _refuseUnauthorised(PROVINCE, Role.Admin, caller);
        departments.lift(PROVINCE, CITY);
        vm.expectRevert(abi.encodeWithSelector(ICouncilDelayed.NotCouncil.selector, caller));
        departments.lift(NONE, CITY);
        vm.stopPrank();
    }

    function test_whoStandsBelowTheSuspenderDoesNotLift() public {
        vm.prank(provinceAdmin);
        departments.suspend(PROVINCE, COUNTY);
        _refuseNotAbove(CITY, PROVINCE);
        vm.prank(cityAdmin);
        departments.lift(CITY, COUNTY);
        vm.prank(council);
        departments.lift(NONE, COUNTY);
    }

    function test_whoStandsAboveTheSuspenderLifts() public {
        vm.prank(cityAdmin);
        departments.suspend(CITY, COUNTY);
        vm.prank(provinceAdmin);
        departments.lift(PROVINCE, COUNTY);
        vm.assertTrue(departments.authorised(COUNTY, Role.Admin, countyAdmin), "authorised");
    }

    function test_onlyTheCouncilLiftsItsOwn() public {
        vm.prank(council);
        departments.suspend(NONE, CITY);
        _refuseNotAbove(PROVINCE, NONE);
        vm.prank(provinceAdmin);
        departments.lift(PROVINCE, CITY);
    }

    function test_whatIsNotSuspendedIsNotLifted() public {
        _refuseOf(IDepartmentRegistry.NotSuspended.selector, CITY);
        vm.prank(provinceAdmin);
        departments.lift(PROVINCE, CITY);
        _refuseOf(IDepartmentRegistry.UnknownDepartment.selector, STRANGER);
        vm.prank(provinceAdmin);
        departments.lift(PROVINCE, STRANGER);
    }

    function test_whoStandsHigherTakesASuspensionOver() public {
        uint256 since = block.number;
        vm.prank(cityAdmin);
        departments.suspend(CITY, COUNTY);
        _refuseAlready(COUNTY, CITY);
        vm.prank(cityAdmin);
        departments.suspend(CITY, COUNTY);
        _mine();
        vm.prank(provinceAdmin);
        departments.suspend(PROVINCE, COUNTY);
        vm.assertEq(departments.departmentOf(COUNTY).suspender, PROVINCE, "suspender");
        _refuseAlready(COUNTY, PROVINCE);
        vm.prank(cityAdmin);
        departments.suspend(CITY, COUNTY);
        vm.prank(council);
        departments.suspend(NONE, COUNTY);
        _refuseAlready(COUNTY, NONE);
        vm.prank(council);
        departments.suspend(NONE, COUNTY);
        _refuseAlready(COUNTY, NONE);
        vm.prank(provinceAdmin);
        departments.suspend(PROVINCE, COUNTY);
        Interval[] memory list = departments.suspensionHistory(COUNTY);
        vm.assertEq(list.length, 1, "one suspension all along");
        _assertInterval(list[0], since, 0);
    }

    function test_aSuspendedAncestorDoesNotAct() public {
        vm.prank(council);
        departments.suspend(NONE, PROVINCE);
        vm.startPrank(provinceAdmin);
        _refuseOf(IDepartmentRegistry.Suspended.selector, PROVINCE);
        departments.suspend(PROVINCE, CITY);
        _refuseOf(IDepartmentRegistry.Suspended.selector, PROVINCE);
        departments.withdrawKind(PROVINCE, CITY, KIND);
        vm.stopPrank();
    }

    function _refuseAlready(bytes20 department, bytes20 suspender) private {
        vm.expectRevert(
            abi.encodeWithSelector(
                IDepartmentRegistry.AlreadySuspended.selector, department, suspender
            )
        );
    }
}
